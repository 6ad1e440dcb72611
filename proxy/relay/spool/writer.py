"""Exchanges on their way to the disk: when the limit is reached, or the disk refuses, bodies are dropped first, then records.

Nothing here raises. The spool's lock guards all of it.
"""

from proxy.relay.spool.accounting import Accounting
from proxy.relay.spool.files import Files
from proxy.relay.spool.record import Entry
from proxy.relay.spool.segments import CLOSE, OPEN, REQUEST, RESPONSE, Frame, Segment

HEADROOM = 1.05  # records without bodies may use five percent more than the limit
MAX_WAITING = 200_000  # each costs about a kilobyte of memory

FULL = "the spool is full"
REFUSED = "the disk refused it"
# An empty piece in a record that has an end: that a body of it was dropped is counted, and a restart must not count it again.
COUNTED = (RESPONSE, b"")


class Writer:
    """Writes the parts of exchanges into a spool's files, and counts what does not fit."""

    def __init__(self, files: Files, accounting: Accounting, limit_bytes: int) -> None:
        self._files = files
        self._accounting = accounting
        self._limit = limit_bytes

    def has_room(self, size: int) -> bool:
        """Whether a body of so many bytes still fits on disk."""
        return self._files.used + size <= self._limit

    def begin(self, entry: Entry, head: bytes, body: bytes, waiting: int) -> str:
        """Why the exchange cannot be kept; "" if it is on disk. `waiting` exchanges are in memory, this one included."""
        if self._files.used + len(head) > self._limit * HEADROOM or waiting > MAX_WAITING:
            return FULL
        if body and not self.has_room(len(body)):
            self._accounting.drop_body(entry, FULL)
            body = b""
        return "" if self._write_record(entry, [(OPEN, head)], REQUEST, body) else REFUSED

    def append(self, entry: Entry, fragment: bytes, kind: int) -> bool:
        """Add bytes of a body; False if they are dropped, and then no more are wanted."""
        why = "" if self.has_room(len(fragment)) else FULL
        if not why and not self._write(entry, [(kind, fragment)]):
            why = REFUSED
        if why:
            self._accounting.drop_body(entry, why)
        return not why

    def end(self, entry: Entry, fragment: bytes, closing: bytes) -> None:
        """Add the last bytes of the response and how it ended."""
        if fragment and not self.has_room(len(fragment)):
            self._accounting.drop_body(entry, FULL)
            fragment = b""
        if not self._write_record(entry, _end_of(entry, closing), RESPONSE, fragment):
            # The beginning is on disk, so the exchange is not lost: a kill before the next `save` makes it `aborted`.
            entry.closing = closing
            self._files.owe(entry, _end_of(entry, closing))

    def reserve(self, entry: Entry, size: int) -> bool:
        """Whether a request's body of so many bytes may be written to a file of its own."""
        if not self.has_room(size):
            self._accounting.drop_body(entry, FULL)
            return False
        self._files.used += size
        entry.writing = True
        return True

    def finish_body(
        self, entry: Entry, body: bytes, size: int, segment: Segment | None, frame: Frame | None
    ) -> None:
        """The file of its own was written, or not: `segment` and `frame` say how far it came."""
        entry.writing = False
        if segment and frame:
            self._files.attach(entry, segment, frame)
            return
        self._files.used -= size
        if segment:
            self._files.delete(segment)
        # Without a new file the old one may take it: others wait meanwhile, and nothing is lost.
        if not self._write(entry, [(REQUEST, body)]):
            self._accounting.drop_body(entry, REFUSED)

    def _write_record(self, entry: Entry, record: list[tuple[int, bytes]], kind: int, body: bytes) -> bool:
        """Write a part of the record with a body; where the disk refuses both, without it."""
        if not body:
            return self._write(entry, record)
        if self._write(entry, [*record, (kind, body)]):
            return True
        self._accounting.drop_body(entry, REFUSED)
        return self._write(entry, record)

    def _write(self, entry: Entry, parts: list[tuple[int, bytes]]) -> bool:
        return self._files.write(entry, parts, self._accounting.accepted)


def _end_of(entry: Entry, closing: bytes) -> list[tuple[int, bytes]]:
    return [(CLOSE, closing), COUNTED] if entry.body_dropped else [(CLOSE, closing)]
