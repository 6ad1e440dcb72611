"""The spool: every exchange is on local disk before its request goes upstream and before its client sees the end.

Serials count from 1 without gaps over the spool's whole life, so that `accepted = stored + waiting + dropped` can be checked.
When the limit is reached, or the disk refuses, bodies are dropped first, then records. The event loop writes, a thread adds large
bodies, and the shipper's thread reads and discards; the lock guards the index, never the reading or writing of a large body.
"""

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from proxy.heartbeat import Heartbeat
from proxy.relay.segments import (
    CLOSE,
    HEADER_BYTES,
    OPEN,
    REQUEST,
    RESPONSE,
    SETTLED,
    Damage,
    Frame,
    Segment,
    StoredFile,
)
from proxy.relay.slot import Slot
from proxy.relay.spooled import Entry, Read, Spooled, frames_of, join

log = logging.getLogger("nexus.spool")

SEGMENT_BYTES = 16 * 1024**2
HEADROOM = 1.05  # records without bodies may use five percent more than the limit
MAX_WAITING = 200_000  # each costs about a kilobyte of memory

FULL = "the spool is full"
REFUSED = "the disk refused it"
DAMAGED = "its beginning on disk is damaged"


class Spool:
    """One slot's exchanges. Raises SlotTaken when another process has it, OSError when its folder cannot be used."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self._slot = Slot(folder)
        self.id = self._slot.id
        self.used = 0
        self.accepted = self._slot.accepted
        self.dropped = self._slot.dropped
        self.bodies_dropped = self._slot.bodies_dropped
        self._saved = (-1, -1, -1)
        self._limit = limit_bytes
        self._segment_bytes = min(SEGMENT_BYTES, limit_bytes // 8)
        self._lock = threading.Lock()
        self._entries: dict[int, Entry] = {}
        self._ready: deque[int] = deque()
        try:
            found = self._index()
            # Made before any file is deleted: the names keep the spool's identity and count.
            self._active = self._slot.new_segment(self.accepted)
        except OSError:
            self._slot.release()
            raise
        self._judge(found)
        self._save_counts()  # so that the file is there when the disk is full

    # The relay's side: nothing here raises

    def has_room(self, size: int) -> bool:
        """Whether a body of so many bytes still fits on disk."""
        return self.used + size <= self._limit

    def open(self, head: bytes, body: bytes) -> Entry:
        """Take an exchange in; a large body is better given to `add_body`."""
        with self._lock:
            entry = Entry(self.accepted + 1)
            self._entries[entry.serial] = entry
            why = self._take_in(entry, head, body)
            # Not before the write: the name of a new file must not count what a kill may keep off the disk.
            self.accepted = entry.serial
            if why:
                self._drop(entry, why)
        return entry

    def add_body(self, entry: Entry, body: bytes) -> None:
        """Give an open exchange its request's body: a file of its own, so that nobody waits while it is written."""
        size = HEADER_BYTES + len(body)
        with self._lock:
            if entry.closed:
                return
            if not self.has_room(size):
                self._drop_body(entry, FULL)
                return
            self.used += size
            entry.writing = True
        self._finish_body(entry, size, self._write_file(entry.serial, body))

    def append(self, entry: Entry, piece: bytes) -> bool:
        """Add response bytes; False if they were dropped, and then no more of them are wanted."""
        with self._lock:
            if entry.closed:
                return False
            why = "" if self.has_room(len(piece)) else FULL
            if not why and not self._write(entry, [(RESPONSE, piece)]):
                why = REFUSED
            if why:
                self._drop_body(entry, why)
        return not why

    def close(self, entry: Entry, piece: bytes, closing: bytes) -> None:
        """Add the last response bytes and how it ended; from now on the exchange can be shipped."""
        with self._lock:
            if entry.closed:
                return
            entry.closed = True
            if piece and not self.has_room(len(piece)):
                self._drop_body(entry, FULL)
                piece = b""
            if not self._write_record(entry, [(CLOSE, closing)], RESPONSE, piece):
                # The beginning is on disk, so the exchange is not lost: at worst a kill makes it `aborted`.
                entry.closing = closing
            if not entry.writing:
                self._ready.append(entry.serial)

    def heartbeat(self) -> Heartbeat:
        """What it holds at one moment."""
        with self._lock:
            return Heartbeat(
                self.accepted, self.dropped, self.bodies_dropped, self.waiting, self.used, time.time()
            )

    def save_counts(self) -> None:
        """Keep on disk what segments cannot tell when they are damaged."""
        with self._lock:
            self._save_counts()

    # The shipper's side

    @property
    def waiting(self) -> int:
        """Exchanges that are not confirmed yet, the running ones included."""
        return len(self._entries)

    @property
    def ready(self) -> int:
        return len(self._ready)

    def take(self, count: int, size: int) -> list[int]:
        """Serials to ship, oldest first: at most `count` and `size` bytes, or a single larger one."""
        taken: list[int] = []
        with self._lock:
            while self._ready and len(taken) < count:
                entry = self._entries[self._ready[0]]
                if taken and entry.size > size:
                    break
                size -= entry.size
                entry.taken = True
                taken.append(self._ready.popleft())
        return taken

    def give_back(self, serials: list[int]) -> None:
        """Ship these again: first in line. What is no longer taken (dropped, discarded) stays as it is."""
        with self._lock:
            for serial in reversed(serials):
                entry = self._entries.get(serial)
                if entry and entry.taken:
                    entry.taken = False
                    self._ready.appendleft(serial)

    def discard(self, serials: list[int]) -> None:
        """Forget exchanges that were taken and that the worker has committed."""
        with self._lock:
            for serial in serials:
                entry = self._entries.get(serial)
                if entry and entry.taken:
                    self._release(entry, confirmed=True)

    def response(self, serial: int) -> list[tuple[Segment, Frame]]:
        """Where the response of a taken exchange lies; nothing of one that was given up."""
        with self._lock:
            entry = self._entries.get(serial)
        return [one for one in entry.frames if one[1].kind == RESPONSE] if entry else []

    def lose_response(self, serial: int, file: StoredFile, frame: Frame) -> None:
        """Note that a frame of it is damaged."""
        self._set_aside(file, frame)
        with self._lock:
            self._drop_body(self._entries[serial], DAMAGED)

    def read(self, serial: int, read: Read = StoredFile.read, *, response: bool = True) -> Spooled | None:
        """A taken exchange, without what is damaged of its bodies; None if its head is: it is then given up."""
        with self._lock:
            entry = self._entries.get(serial)
        if entry is None:
            return None
        lost: list[int] = []

        def damaged(file: StoredFile, frame: Frame) -> None:
            lost.append(frame.kind)
            self._set_aside(file, frame)

        frames = [one for one in entry.frames if response or one[1].kind != RESPONSE]
        found = join(serial, frames, damaged, read)
        if found is None:
            self._lose(entry)
            return None
        if REQUEST in lost or RESPONSE in lost:
            with self._lock:
                self._drop_body(entry, DAMAGED)
        return found if found.closing else replace(found, closing=entry.closing)

    def reject(self, serial: int, why: str) -> None:
        """Drop a taken exchange whose record nobody can read, and set it aside."""
        with self._lock:
            entry = self._entries[serial]
        for segment, frame in entry.frames:
            self._set_aside(segment, frame)
        with self._lock:
            self._drop(entry, why)

    def _lose(self, entry: Entry) -> None:
        """Give up a record without a beginning. Whoever deleted its file has stored it, or it shows as a gap: that is no drop."""
        if entry.frames[0][0].path.exists():
            self.reject(entry.serial, DAMAGED)
            return
        log.error("spool.gone", extra={"serial": entry.serial, "file": entry.frames[0][0].path.name})
        with self._lock:
            self._release(entry, confirmed=True)

    def shut(self) -> None:
        """Let go of the slot; what waits stays on disk for the next process."""
        with self._lock:
            if self._active.size and not self._active.holders:
                self._rotate()  # so that nothing confirmed is found again
            self._active.seal()
            self._slot.release()

    def _set_aside(self, file: StoredFile, frame: Frame) -> None:
        self._slot.set_aside(file, Damage(frame.offset - HEADER_BYTES, frame.length + HEADER_BYTES))

    # Within, under the lock

    def _take_in(self, entry: Entry, head: bytes, body: bytes) -> str:
        """Why the exchange cannot be kept; "" if it is on disk."""
        if self.used + len(head) > self._limit * HEADROOM or len(self._entries) > MAX_WAITING:
            return FULL
        if body and not self.has_room(len(body)):
            self._drop_body(entry, FULL)
            body = b""
        return "" if self._write_record(entry, [(OPEN, head)], REQUEST, body) else REFUSED

    def _write_record(self, entry: Entry, record: list[tuple[int, bytes]], kind: int, body: bytes) -> bool:
        """Write a part of the record with a body; where the disk refuses both, without it."""
        if not body:
            return self._write(entry, record)
        if self._write(entry, [*record, (kind, body)]):
            return True
        self._drop_body(entry, REFUSED)
        return self._write(entry, record)

    def _write(self, entry: Entry, parts: Sequence[tuple[int, bytes]]) -> bool:
        # What follows a record's beginning is of no use without it, wherever it is written.
        if self._active.size > self._segment_bytes or (not entry.frames and self._active.gone):
            self._rotate()
        segment = self._active
        before = segment.size
        try:
            frames = segment.append(entry.serial, parts)
        except OSError as error:
            log.error("spool.refused", extra={"serial": entry.serial, "why": error.strerror or str(error)})
            return False
        self.used += segment.size - before
        for frame in frames:
            self._link(entry, segment, frame)
        return True

    def _write_file(self, serial: int, body: bytes) -> tuple[Segment, Frame] | None:
        """Not under the lock, but for the name of the file."""
        segment: Segment | None = None
        try:
            with self._lock:
                segment = self._slot.new_segment(self.accepted)
            [frame] = segment.append(serial, [(REQUEST, body)])
            segment.seal()
        except OSError as error:
            log.error("spool.refused", extra={"serial": serial, "why": error.strerror or str(error)})
            if segment:
                segment.delete()
            return None
        return segment, frame

    def _finish_body(self, entry: Entry, size: int, written: tuple[Segment, Frame] | None) -> None:
        with self._lock:
            entry.writing = False
            if written:
                self._link(entry, *written)
            else:
                self.used -= size
                self._drop_body(entry, REFUSED)
            if entry.closed:
                self._ready.append(entry.serial)

    def _link(self, entry: Entry, segment: Segment, frame: Frame) -> None:
        if not entry.frames or entry.frames[-1][0] is not segment:
            segment.holders += all(held is not segment for held, _ in entry.frames)
        entry.frames.append((segment, frame))
        entry.size += frame.length

    def _drop_body(self, entry: Entry, why: str) -> None:
        if not entry.body_dropped:
            entry.body_dropped = True
            self.bodies_dropped += 1
            log.error("spool.body_dropped", extra={"serial": entry.serial, "why": why})
            self._save_counts()

    def _drop(self, entry: Entry, why: str) -> None:
        log.error("spool.dropped", extra={"serial": entry.serial, "why": why})
        self.dropped += 1
        entry.closed = True
        self._save_counts()
        self._release(entry, confirmed=False)

    def _save_counts(self) -> None:
        counts = (self.accepted, self.dropped, self.bodies_dropped)
        if counts != self._saved and self._slot.save_counts(*counts):
            self._saved = counts

    def _release(self, entry: Entry, *, confirmed: bool) -> None:
        """Forget an exchange; delete the files that nobody else needs.

        A restart must not take what stays of it for a damaged record. One in a single file is found whole again, shipped again
        and known to ingest by its id; so only one in several files, or a dropped one, is said to be settled. Its beginning goes
        last: whatever a kill leaves has one.
        """
        del self._entries[entry.serial]
        segments = list(dict.fromkeys(segment for segment, _ in entry.frames))
        for segment in reversed(segments):
            segment.holders -= 1
            if not segment.holders and segment is not self._active:
                self._delete(segment)
            elif not confirmed or len(segments) > 1:
                self._settle(segment, entry.serial)

    def _settle(self, segment: Segment, serial: int) -> None:
        before = segment.size
        try:
            segment.append(serial, [(SETTLED, b"")])
        except OSError as error:
            log.error("spool.refused", extra={"serial": serial, "why": error.strerror or str(error)})
        if segment is not self._active:
            segment.seal()
        self.used += segment.size - before

    def _rotate(self) -> None:
        """Go on in a new file; where there can be none, in the old one."""
        try:
            fresh = self._slot.new_segment(self.accepted)
        except OSError as error:
            log.error("spool.not_rotated", extra={"why": error.strerror or str(error)})
            return
        old, self._active = self._active, fresh
        old.seal()
        if not old.holders:
            self._delete(old)

    def _delete(self, segment: Segment) -> None:
        self.used -= segment.size
        segment.delete()

    # Coming back

    def _index(self) -> list[Segment]:
        """Read what the last process left; the files."""
        segments = [self._slot.segment(path) for path in self._slot.found]
        for segment in segments:
            segment.seal()
            self.used += segment.size
            for serial, frames in frames_of(segment, self._slot.set_aside).items():
                self.accepted = max(self.accepted, serial)
                for frame in frames:
                    self._link(self._entries.setdefault(serial, Entry(serial)), segment, frame)
        return segments

    def _judge(self, segments: list[Segment]) -> None:
        """All that was found can be shipped, with or without its end, but not without its beginning."""
        for segment in segments:
            if not segment.holders:
                self._delete(segment)
        for serial in sorted(self._entries):
            entry = self._entries[serial]
            entry.closed = True
            if all(frame.kind != OPEN for _, frame in entry.frames):
                for segment, frame in entry.frames:
                    self._set_aside(segment, frame)
                self._drop(entry, DAMAGED)
            else:
                self._ready.append(serial)
