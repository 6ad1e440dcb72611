"""A file of results that is too large for one message: its parts, each read from the spool when the one before was committed."""

from collections import deque
from hashlib import sha256

from msgspec.structs import replace

from proxy.record import Batch, Closing, Part, Record
from proxy.relay.spool.assemble import is_long, read_outline
from proxy.relay.spool.bounds import PART_BYTES, is_results
from proxy.relay.spool.record import Read
from proxy.relay.spool.segments import StoredFile
from proxy.relay.spool.spool import Spool


class Parts:
    """The parts of one taken record. After anything but a commit it is given back and begins anew: who has a part skips it."""

    def __init__(self, spool: Spool, outline: Record) -> None:
        self.spool = spool
        self.serial = outline.serial
        self._record = outline
        self._frames = deque(spool.body(outline.serial))
        self._offset = 0
        self._sha256 = sha256()
        self._whole = sum(frame.length for _, frame in self._frames) >= outline.closing.response_size
        if not self._whole:  # bytes that the spool dropped: nothing of the rest would count
            self._frames.clear()
            spool.lack_body(self.serial)

    @property
    def more(self) -> bool:
        """Whether another part follows."""
        return bool(self._frames)

    def take(self, read: Read = StoredFile.read) -> Part:
        """The next part; the last one holds the record. Raises OSError where it cannot be read now: the record then begins anew."""
        offset, data = self._offset, self._read(read)
        self._offset += len(data)
        self._sha256.update(data)
        return Part(self._record.head.id, offset, None if self.more else self._batch(), data)

    def _read(self, read: Read) -> bytes:
        fragments: list[bytes] = []
        size = 0
        while self._frames and size < PART_BYTES:
            file, frame = self._frames.popleft()
            fragment = self.spool.payload(read, file, frame)
            if fragment is None:
                self.spool.lose_response(self.serial, file, frame)
                self._whole = False
                self._frames.clear()
                return b""
            fragments.append(fragment)
            size += len(fragment)
        return b"".join(fragments)

    def _batch(self) -> Batch:
        spool, record = self.spool, replace(self._record, closing=self._closing())
        return Batch(spool.id, spool.accepted, spool.dropped, [record], spool.bodies_dropped)

    def _closing(self) -> Closing:
        closing = self._record.closing
        if not self._whole:
            return replace(closing, response_dropped=True)
        return replace(
            closing,
            response_dropped=False,
            response_not_kept=True,
            response_size=self._offset,
            response_digest=self._sha256.digest(),
        )


def parts_of(spool: Spool, serials: list[int], read: Read = StoredFile.read) -> Parts | None:
    """The parts of what was taken, if it is one record that travels so."""
    if len(serials) != 1 or not is_long(spool, serials[0]):
        return None
    outline = read_outline(spool, serials[0], read)
    return Parts(spool, outline) if outline and _travels_in_parts(outline) else None


def _travels_in_parts(outline: Record) -> bool:
    closing = outline.closing
    # Without a status its end was never recorded: nobody says that it is anything else.
    return not closing.response_not_kept and is_results(outline.head, closing.status or 200, closing.headers)
