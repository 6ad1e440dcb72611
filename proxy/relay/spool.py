"""The spool: every exchange is on local disk before its request goes upstream and before its client sees the end.

A slot is the folder of one process, held by a file lock. Serials count from 1 without gaps over the slot's whole life, so that
`accepted = stored + waiting + dropped` can be checked. When the limit is reached bodies are dropped first, then records.
The event loop writes; the shipper's thread reads and discards.
"""

import fcntl
import json
import logging
import threading
from collections import deque
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import uuid4

from proxy.relay.segments import CLOSE, OPEN, REQUEST, RESPONSE, Damage, Frame, Segment

log = logging.getLogger("nexus.spool")

SEGMENT_BYTES = 16 * 1024**2
HEADROOM = 1.05  # records without bodies may use five percent more than the limit


class SpoolTaken(Exception):
    """Another process holds this slot."""


@dataclass(frozen=True, slots=True)
class Spooled:
    """One whole exchange as it lies on disk; head and closing are encoded structs of proxy.record."""

    serial: int
    head: bytes
    closing: bytes
    request_body: bytes
    response_body: bytes


@dataclass(slots=True)
class Entry:
    """An exchange in the spool: its frames, and whether it still takes bytes."""

    serial: int
    frames: list[tuple[Segment, Frame]] = field(default_factory=list)
    size: int = 0
    closed: bool = False

    @property
    def segments(self) -> list[Segment]:
        return list(dict.fromkeys(segment for segment, _ in self.frames))


class Spool:
    """One slot. Raises SpoolTaken when another process has it, OSError when its folder cannot be used."""

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        self.folder = folder
        self.used = 0
        self.accepted = 0
        self.dropped = 0
        self.unfinished: list[int] = []
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._entries: dict[int, Entry] = {}
        self._ready: deque[int] = deque()
        self._segments: list[Segment] = []
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hold = (folder / "lock").open("a")
        try:
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._hold.close()
            raise SpoolTaken(str(folder)) from error
        self.id = self._identity()
        self._recover()
        self._rotate()

    # The relay's side

    def has_room(self, size: int) -> bool:
        """Whether a body of this size still fits."""
        return self.used + size <= self._limit

    def open(self, head: bytes, body: bytes) -> Entry:
        """Take an exchange in. The caller asked `has_room` for the body. If the disk refuses, it is counted as dropped."""
        with self._lock:
            self.accepted += 1
            entry = Entry(self.accepted)
            self._entries[entry.serial] = entry
            if self.used + len(head) > self._limit * HEADROOM:
                self._drop(entry, "the spool is full")
            else:
                frames = [(OPEN, entry.serial, head)]
                if body:
                    frames.append((REQUEST, entry.serial, body))
                self._write(entry, frames)
        return entry

    def append(self, entry: Entry, piece: bytes) -> None:
        """Add response bytes."""
        with self._lock:
            if not entry.closed:
                self._write(entry, [(RESPONSE, entry.serial, piece)])

    def close(self, entry: Entry, piece: bytes, closing: bytes) -> None:
        """Add the last response bytes and how it ended; from now on the exchange can be shipped."""
        with self._lock:
            if entry.closed:
                return
            frames = [(RESPONSE, entry.serial, piece)] if piece else []
            self._write(entry, [*frames, (CLOSE, entry.serial, closing)])
            if not entry.closed:
                entry.closed = True
                self._ready.append(entry.serial)

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
                taken.append(self._ready.popleft())
        return taken

    def give_back(self, serials: list[int]) -> None:
        """Ship these again: first in line."""
        with self._lock:
            self._ready.extendleft(reversed(serials))

    def read(self, serial: int) -> Spooled | None:
        """An exchange from disk; None if it is damaged, which is then counted as dropped and its remains set aside."""
        with self._lock:
            entry = self._entries[serial]
            parts: dict[int, list[bytes]] = {OPEN: [], REQUEST: [], RESPONSE: [], CLOSE: []}
            for segment, frame in entry.frames:
                payload = segment.read(frame)
                if payload is None:
                    self._set_aside(segment, Damage(frame.offset, frame.length))
                    self._drop(entry, "its record on disk is damaged")
                    return None
                parts[frame.kind].append(payload)
        return Spooled(
            serial, parts[OPEN][0], parts[CLOSE][0], b"".join(parts[REQUEST]), b"".join(parts[RESPONSE])
        )

    def discard(self, serials: list[int]) -> None:
        """Forget exchanges that the worker has committed."""
        with self._lock:
            for serial in serials:
                self._release(self._entries[serial])

    def entry(self, serial: int) -> Entry:
        return self._entries[serial]

    def shut(self) -> None:
        """Let go of the slot; what waits stays on disk for the next process."""
        with self._lock:
            if not self._entries:
                self._rotate()  # so that nothing confirmed is found again
            for segment in self._segments:
                segment.close()
            self._segments.clear()
            self._hold.close()

    # Within

    def _write(self, entry: Entry, frames: list[tuple[int, int, bytes]]) -> None:
        if self._segments[-1].size > SEGMENT_BYTES:
            self._rotate()
        segment = self._segments[-1]
        try:
            written = segment.append(frames)
        except OSError as error:
            self._drop(entry, f"the disk refused it ({error.strerror or error})")
            return
        size = sum(frame.length for frame in written)
        if all(held is not segment for held, _ in entry.frames):
            segment.holders += 1
        entry.frames += [(segment, frame) for frame in written]
        entry.size += size
        self.used += size

    def _drop(self, entry: Entry, why: str) -> None:
        log.error("spool.dropped", extra={"serial": entry.serial, "why": why})
        self.dropped += 1
        entry.closed = True
        self._release(entry)
        try:
            self._save_state()
        except OSError:  # the disk is full: the count lives on in memory and with the next batch
            log.warning("spool.count_not_saved", extra={"dropped": self.dropped})

    def _release(self, entry: Entry) -> None:
        del self._entries[entry.serial]
        self.used -= entry.size
        for segment in entry.segments:
            segment.holders -= 1
            if not segment.holders and segment is not self._segments[-1]:
                self._segments.remove(segment)
                segment.delete()

    def _rotate(self) -> None:
        """Go on in a new file, whose name keeps the serial even when all before it is confirmed and deleted."""
        path = next(path for number in count() if not (path := self._segment_path(number)).exists())
        self._segments.append(Segment(path))
        for segment in [old for old in self._segments[:-1] if not old.holders]:
            self._segments.remove(segment)
            segment.delete()

    def _segment_path(self, number: int) -> Path:
        return self.folder / f"{self.accepted + 1:020d}-{number}.seg"

    # Coming back

    def _identity(self) -> str:
        path = self.folder / "id"
        if not path.exists():
            self._replace(path, str(uuid4()))
        return path.read_text()

    def _save_state(self) -> None:
        self._replace(self.folder / "state.json", json.dumps({"dropped": self.dropped}))

    @staticmethod
    def _replace(path: Path, content: str) -> None:
        fresh = path.with_suffix(".new")
        fresh.write_text(content)
        fresh.replace(path)

    def _recover(self) -> None:
        state = self.folder / "state.json"
        if state.exists():
            self.dropped = int(json.loads(state.read_text())["dropped"])
        for path in sorted(self.folder.glob("*.seg")):
            segment = Segment(path)
            self.accepted = max(self.accepted, int(path.stem.split("-")[0]) - 1)
            if not segment.size:
                segment.delete()
                continue
            self._segments.append(segment)
            for found in segment.scan():
                if isinstance(found, Damage):
                    self._set_aside(segment, found)
                else:
                    self._remember(segment, found)
        self._judge()

    def _remember(self, segment: Segment, frame: Frame) -> None:
        entry = self._entries.setdefault(frame.serial, Entry(frame.serial))
        if all(held is not segment for held, _ in entry.frames):
            segment.holders += 1
        entry.frames.append((segment, frame))
        entry.size += frame.length
        entry.closed = entry.closed or frame.kind == CLOSE
        self.used += frame.length
        self.accepted = max(self.accepted, frame.serial)

    def _judge(self) -> None:
        """Sort what was found into shippable, cut off by the end of the process, and without a beginning."""
        for entry in sorted(self._entries.values(), key=lambda entry: entry.serial):
            if all(frame.kind != OPEN for _, frame in entry.frames):
                self._drop_found(entry)
            elif entry.closed:
                self._ready.append(entry.serial)
            else:
                self.unfinished.append(entry.serial)

    def _drop_found(self, entry: Entry) -> None:
        log.error("spool.dropped", extra={"serial": entry.serial, "why": "its beginning is damaged"})
        self.dropped += 1
        del self._entries[entry.serial]
        self.used -= entry.size
        for segment in entry.segments:
            segment.holders -= 1

    def _set_aside(self, segment: Segment, damage: Damage) -> None:
        """Keep damaged bytes for a person to look at; the rest goes on."""
        target = self.folder / "damaged"
        target.mkdir(mode=0o700, exist_ok=True)
        name = f"{segment.path.stem}-{damage.offset}.bin"
        (target / name).write_bytes(segment.raw(damage.offset, damage.length))
        log.error("spool.damaged", extra={"kept": str(target / name), "bytes": damage.length})
