"""The spool: every exchange is on local disk before its request goes upstream and before its client sees the end.

Serials count from 1 without gaps over the spool's whole life, so that `accepted = stored + waiting + dropped` can be checked.
What cannot be read for another reason than damage waits and is tried again. The event loop writes (writer.py), a thread adds large
bodies, and the shipper's thread reads and discards; the lock guards the index, never the reading or writing of a large body.
"""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from proxy.heartbeat import Heartbeat
from proxy.relay.log_limit import OncePerMinute
from proxy.relay.spool.accounting import Accounting
from proxy.relay.spool.directory import SpoolDirectory
from proxy.relay.spool.files import Files
from proxy.relay.spool.queue import ShipQueue
from proxy.relay.spool.record import Entry, Read, Spooled, join
from proxy.relay.spool.segments import HEADER_BYTES, OPEN, REQUEST, RESPONSE, Frame, Segment, StoredFile
from proxy.relay.spool.unread import incomplete, look_through
from proxy.relay.spool.writer import Writer

log = logging.getLogger("nexus.spool")

DAMAGED = "its beginning on disk is damaged"
DAMAGED_BODY = "it is damaged on disk, or its file is gone"


class Spool:
    """One directory's exchanges. Raises DirectoryTaken when another process has it, OSError when its folder cannot be used."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._directory = SpoolDirectory(folder)
        self.id = self._directory.id
        self.folder = folder
        self._lock = threading.Lock()
        self._accounting = Accounting(self._directory)
        self._files = Files(self._directory, limit_bytes)
        self._writer = Writer(self._files, self._accounting, limit_bytes)
        self._entries: dict[int, Entry] = {}
        self._queue = ShipQueue()
        self._held_back = 0
        self._unread: list[Path] = []
        self._unreadable = OncePerMinute()
        found = self._index()
        try:
            # Made before any file is deleted: the names keep the spool's identity and count.
            self._files.begin(self._accounting.accepted)
        except OSError:
            self._directory.release()
            raise
        self._judge(found)
        self._accounting.save()  # so that the file is there when the disk is full

    # The relay's side: nothing here raises

    @property
    def used(self) -> int:
        """Bytes on disk."""
        return self._files.used

    @property
    def accepted(self) -> int:
        """The last serial that was given."""
        return self._accounting.accepted

    @property
    def dropped(self) -> int:
        """Exchanges that were not kept."""
        return self._accounting.dropped

    @property
    def bodies_dropped(self) -> int:
        """Exchanges of which a body was not kept whole."""
        return self._accounting.bodies_dropped

    def open(self, head: bytes, body: bytes) -> Entry:
        """Take an exchange in; a large body is better given to `add_body`."""
        with self._lock:
            entry = Entry(self._accounting.accepted + 1)
            self._entries[entry.serial] = entry
            why = self._writer.begin(entry, head, body, len(self._entries))
            # Not before the write: the name of a new file must not count what a kill may keep off the disk.
            self._accounting.accepted = entry.serial
            if why:
                self._drop(entry, why)
        return entry

    def add_body(self, entry: Entry, body: bytes) -> None:
        """Give an open exchange its request's body: a file of its own, so that nobody waits while it is written."""
        size = HEADER_BYTES + len(body)
        with self._lock:
            if entry.closed:
                # Its client left before the body was looked at: no loss of the spool's.
                entry.body_dropped = True
                return
            if not self._writer.reserve(entry, size):
                return
        self._finish_body(entry, body, size, *self._files.write_alone(entry.serial, body, self.accepted))

    def append(self, entry: Entry, fragment: bytes, kind: int = RESPONSE) -> bool:
        """Add bytes of the response, or of a request that is passed on; False if dropped, and then no more are wanted."""
        with self._lock:
            return not entry.closed and self._writer.append(entry, fragment, kind)

    def close(self, entry: Entry, fragment: bytes, closing: bytes) -> None:
        """Add the last response bytes and how it ended; from now on the exchange can be shipped."""
        with self._lock:
            if entry.closed:
                return
            entry.closed = True
            self._writer.end(entry, fragment, closing)
            if not entry.writing:
                self._queue.add(entry)

    def heartbeat(self) -> Heartbeat:
        """What it holds at one moment.

        While a file cannot be read nobody knows which of its exchanges are stored: all may wait, and none is missing.
        """
        with self._lock:
            waiting = self.accepted - self.dropped if self._unread else self.waiting
            return Heartbeat(
                self.accepted, self.dropped, self.bodies_dropped, waiting, self.used, time.time()
            )

    def save(self) -> None:
        """Keep on disk what segments cannot tell when they are damaged, and the ends that the disk refused before."""
        with self._lock:
            self._files.write_owed(self._accounting.accepted)
            self._accounting.save()

    # The shipper's side

    @property
    def waiting(self) -> int:
        """Exchanges that are not confirmed yet, the running ones included."""
        return len(self._entries)

    @property
    def ready(self) -> int:
        return len(self._queue)

    @property
    def whole(self) -> bool:
        """Whether each file that lay here could be read. Otherwise its last serial is not known: it must give none."""
        return not self._unread

    @property
    def done(self) -> bool:
        """Whether all that could be read is shipped; what waits for an unread file is looked for when the folder is taken anew."""
        return len(self._entries) == self._held_back

    @property
    def unreadable(self) -> int:
        """Exchanges that wait because they could not be read, though nothing says that they are damaged."""
        return self._queue.waiting_for_retry + self._held_back

    def take(self, count: int, size: int, may_go: Callable[[Entry], bool] = lambda _: True) -> list[int]:
        """Serials to ship, oldest first: at most `count` and `size` bytes, or a single larger one; others pass who may not go."""
        with self._lock:
            return [entry.serial for entry in self._queue.take(count, size, may_go)]

    def size_of(self, serials: list[int]) -> int:
        """Bytes of what was taken."""
        with self._lock:
            return sum(entry.size for entry in self._taken(serials))

    def give_back(self, serials: list[int]) -> None:
        """Ship these again: first in the queue. What is no longer taken (dropped, discarded) stays as it is."""
        with self._lock:
            self._queue.give_back(self._taken(serials))

    def put_off(self, serials: list[int], error: OSError) -> None:
        """Keep taken exchanges that could not be read until `try_again`: what the disk does not give now is not damaged."""
        with self._lock:
            self._queue.put_off(self._taken(serials))
        if times := self._unreadable.count():
            report = {"folder": str(self.folder), "records": self.unreadable, "times": times}
            log.error("spool.unreadable", extra={**report, "why": str(error)})

    def try_again(self) -> None:
        """Ship what was put off, first in the queue, and delete what could not be deleted."""
        with self._lock:
            self._queue.try_again()
            self._files.try_again()

    def discard(self, serials: list[int]) -> None:
        """Forget exchanges that were taken and that the worker has committed."""
        with self._lock:
            for entry in self._taken(serials):
                self._release(entry, confirmed=True)

    def body(self, serial: int, kind: int = RESPONSE) -> list[tuple[Segment, Frame]]:
        """Where a body of a taken exchange lies; nothing of one that was given up."""
        with self._lock:
            entry = self._entries.get(serial)
        return [frame for frame in entry.frames if frame[1].kind == kind] if entry else []

    def payload(self, read: Read, file: StoredFile, frame: Frame) -> bytes | None:
        """What `read` gives, and None for a file that was deleted; raises OSError where nobody can tell now."""
        try:
            return read(file, frame)
        except FileNotFoundError:
            if self._directory.elsewhere:
                raise
            file.missing = True
            return None

    def lose_response(self, serial: int, file: StoredFile, frame: Frame) -> None:
        """Note that a frame of it is damaged."""
        self._directory.keep_damaged_frame(file, frame)
        with self._lock:
            self._accounting.drop_body(self._entries[serial], DAMAGED_BODY)

    def lack_body(self, serial: int) -> None:
        """Note that a body of a taken exchange is shorter than it was; once, and not if that was counted when it happened."""
        with self._lock:
            if entry := self._entries.get(serial):
                self._accounting.drop_body(entry, DAMAGED_BODY)

    def read(
        self, serial: int, read: Read = StoredFile.read, without: Collection[int] = ()
    ) -> Spooled | None:
        """A taken exchange, without these kinds of frames and what is damaged of its bodies; None if its head is: it is given up.

        Raises OSError, with nothing given up, where it cannot be read now.
        """
        with self._lock:
            entry = self._entries.get(serial)
        if entry is None:
            return None
        lost: list[tuple[StoredFile, Frame]] = []
        frames = [stored_frame for stored_frame in entry.frames if stored_frame[1].kind not in without]
        found = join(
            serial, frames, lambda file, frame: lost.append((file, frame)), partial(self.payload, read)
        )
        for file, frame in lost:
            self._directory.keep_damaged_frame(file, frame)
        if found is None:
            self._lose(entry)
            return None
        if any(frame.kind in (REQUEST, RESPONSE) for _, frame in lost):
            with self._lock:
                self._accounting.drop_body(entry, DAMAGED_BODY)
        return found if found.closing else replace(found, closing=entry.closing)

    def reject(self, serial: int, why: str) -> None:
        """Drop a taken exchange whose record nobody can read, and set it aside."""
        with self._lock:
            entry = self._entries[serial]
        for segment, frame in entry.frames:
            self._directory.keep_damaged_frame(segment, frame)
        with self._lock:
            self._drop(entry, why)

    def _lose(self, entry: Entry) -> None:
        """Give up a record without a beginning. Whoever deleted its file has stored it, or it shows as a gap: that is no drop."""
        if not entry.frames[0][0].missing:
            self.reject(entry.serial, DAMAGED)
            return
        log.error("spool.gone", extra={"serial": entry.serial, "file": entry.frames[0][0].path.name})
        with self._lock:
            self._release(entry, confirmed=True)

    def shut(self) -> None:
        """Let go of the directory; what waits stays on disk for the next process."""
        with self._lock:
            self._files.close(self._accounting.accepted)
            self._directory.release()

    # Within, under the lock

    def _taken(self, serials: list[int]) -> Iterator[Entry]:
        for serial in serials:
            entry = self._entries.get(serial)
            if entry and entry.taken:
                yield entry

    def _finish_body(
        self, entry: Entry, body: bytes, size: int, segment: Segment | None, frame: Frame | None
    ) -> None:
        with self._lock:
            self._writer.finish_body(entry, body, size, segment, frame)
            if entry.closed:
                self._queue.add(entry)

    def _drop(self, entry: Entry, why: str) -> None:
        self._accounting.drop(entry, why)
        self._release(entry, confirmed=False)

    def _release(self, entry: Entry, *, confirmed: bool) -> None:
        """Forget an exchange."""
        del self._entries[entry.serial]
        self._files.release(entry, confirmed=confirmed)

    # Coming back

    def _index(self) -> list[Segment]:
        """Read what the last process left; the files that could be read."""
        found = look_through(self._directory)
        self._unread = found.unread
        for segment, exchanges in found.files.items():
            self._files.used += segment.size
            for serial, frames in exchanges.items():
                self._accounting.accepted = max(self._accounting.accepted, serial)
                for frame in frames:
                    self._files.attach(self._entries.setdefault(serial, Entry(serial)), segment, frame)
        return list(found.files)

    def _judge(self, segments: list[Segment]) -> None:
        """All that was found can be shipped, with or without its end, but not without its beginning."""
        for segment in segments:
            if not segment.holders:
                self._files.delete(segment)
        waiting = incomplete({serial: entry.frames for serial, entry in self._entries.items()}, self._unread)
        self._held_back = len(waiting)
        for serial in sorted(self._entries):
            entry = self._entries[serial]
            entry.closed = True
            entry.body_dropped = any((frame.kind, frame.length) == (RESPONSE, 0) for _, frame in entry.frames)
            if serial in waiting:
                continue
            if all(frame.kind != OPEN for _, frame in entry.frames):
                for file, frame in entry.frames:
                    self._directory.keep_damaged_frame(file, frame)
                self._drop(entry, DAMAGED)
            else:
                self._queue.add(entry)
