"""Append-only files of frames: the spool's only contact with the disk.

A frame is the spool's mark (8 bytes), kind (1 byte), serial and length (8 bytes each, big-endian), XXH3-64 of the payload seeded
with serial and kind, then the payload. The mark is random, so no client can put a frame of its own making into a body. The page
cache is durable enough (power loss is out of scope); a torn or damaged frame is found by its digest and skipped.
"""

import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import msgspec
from xxhash import xxh3_64_intdigest

from proxy.relay.spool import descriptors

MARK_BYTES = 8
_HEADER = struct.Struct(">8sBQQQ")
HEADER_BYTES = _HEADER.size
_WINDOW = 1024**2

# Reads so many bytes from an offset on, fewer at the end of the file; raises OSError.
Pread = Callable[[int, int], bytes]

# SETTLED makes void what its segment holds of the serial: the exchange was confirmed or counted as dropped.
OPEN, REQUEST, RESPONSE, CLOSE, SETTLED = range(1, 6)


class Frame(msgspec.Struct, frozen=True, gc=False):
    """One frame within a segment: where its payload lies, in bytes. Each exchange makes four, and a hundred thousand may wait."""

    kind: int
    serial: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are no frame."""

    offset: int
    length: int


class StoredFile:
    """One file as it lies there. Reading changes nothing, and whoever holds the directory may write to it or delete it meanwhile.

    What reads raises OSError where the disk cannot be read now, which says nothing of what lies on it.
    """

    def __init__(self, path: Path, mark: bytes, size: int | None = None) -> None:
        self.path = path
        self.missing = False  # somebody else deleted it, as a reader found out
        self.size = path.stat().st_size if size is None else size
        self._mark = mark

    def read(self, frame: Frame) -> bytes | None:
        """A frame's payload; None if the disk no longer holds what was written."""
        # Never the writer's descriptor: it may be closed meanwhile, and its number may be another file's by then.
        descriptor = descriptors.open_file(self.path, os.O_RDONLY)
        try:
            return self.payload(frame, partial(descriptors.read_at, descriptor))
        finally:
            descriptors.close(descriptor)

    def payload(self, frame: Frame, pread: Pread) -> bytes | None:
        """The same by what reads this file."""
        found = self._frame_at(pread, frame.offset - HEADER_BYTES)
        return found[1] if found and found[0] == frame else None

    def raw(self, damage: Damage) -> bytes:
        """Damaged bytes as they are."""
        descriptor = descriptors.open_file(self.path, os.O_RDONLY)
        try:
            return descriptors.read_at(descriptor, damage.length, damage.offset)
        finally:
            descriptors.close(descriptor)

    def scan(self) -> Iterator[Frame | Damage]:
        """All frames in order; between them what is damaged, found by looking for the next whole frame."""
        descriptor = descriptors.open_file(self.path, os.O_RDONLY)
        pread, offset = partial(descriptors.read_at, descriptor), 0
        try:
            while offset < self.size:
                if found := self._frame_at(pread, offset):
                    frame = found[0]
                    yield frame
                    offset = frame.offset + frame.length
                else:
                    following = self._next_frame(pread, offset + 1)
                    yield Damage(offset, following - offset)
                    offset = following
        finally:
            descriptors.close(descriptor)

    def _frame_at(self, pread: Pread, offset: int) -> tuple[Frame, bytes] | None:
        header = pread(HEADER_BYTES, offset)
        if len(header) < HEADER_BYTES or not header.startswith(self._mark):
            return None
        _, kind, serial, length, digest = _HEADER.unpack(header)
        frame = Frame(kind, serial, offset + HEADER_BYTES, length)
        if not OPEN <= kind <= SETTLED or serial >> 60 or frame.offset + length > self.size:
            return None
        payload = pread(length, frame.offset)
        whole = len(payload) == length and xxh3_64_intdigest(payload, serial << 3 | kind) == digest
        return (frame, payload) if whole else None

    def _next_frame(self, pread: Pread, start: int) -> int:
        """Where the next whole frame begins, or the end."""
        while start < self.size:
            at = pread(_WINDOW + MARK_BYTES - 1, start).find(self._mark)
            if at < 0:
                start += _WINDOW
            elif self._frame_at(pread, start + at):
                return start + at
            else:
                start += at + 1
        return self.size


class Segment(StoredFile):
    """One file of this process's own. One thread at a time writes; any thread reads. `holders` counts the exchanges that need it.

    `new` refuses a file that is there already: whoever made it would write over ours.
    """

    def __init__(self, path: Path, mark: bytes, *, new: bool = False) -> None:
        self.holders = 0
        self.deleted = False
        self._torn = False  # bytes of a refused write lie behind the end
        self._fd = descriptors.open_file(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) if new else -1
        super().__init__(path, mark, 0 if new else None)

    def append(self, serial: int, parts: Sequence[tuple[int, bytes]]) -> list[Frame]:
        """Write a frame for each (kind, payload) in one call; raises OSError, and the file is then as before."""
        if self._fd < 0:
            self._fd = descriptors.open_file(self.path, os.O_WRONLY)
        buffers: list[bytes] = []
        frames: list[Frame] = []
        end = self.size
        for kind, payload in parts:
            length = len(payload)
            digest = xxh3_64_intdigest(payload, serial << 3 | kind)
            buffers += (_HEADER.pack(self._mark, kind, serial, length, digest), payload)
            frames.append(Frame(kind, serial, end + HEADER_BYTES, length))
            end += HEADER_BYTES + length
        self._write(buffers, end - self.size)
        self.size = end
        return frames

    def _write(self, buffers: list[bytes], length: int) -> None:
        try:
            if self._torn:
                self._cut()
            # At a given place: after a failure the next frame overwrites what was left of this one.
            if os.pwritev(self._fd, buffers, self.size) != length:
                raise OSError("the disk took only a part of the record")
        except OSError:
            self._torn = True
            with suppress(OSError):  # else before the next write, or at the end
                self._cut()
            raise

    def _cut(self) -> None:
        os.ftruncate(self._fd, self.size)
        self._torn = False

    @property
    def gone(self) -> bool:
        """Whether somebody else deleted the file: what is written to it now, nobody could read."""
        try:
            return self._fd >= 0 and not os.fstat(self._fd).st_nlink
        except OSError:  # nobody knows; the next write tells
            return False

    def seal(self) -> None:
        """Nothing more is to be written: hold no descriptor, as there may be thousands of segments."""
        if self._fd >= 0:
            with suppress(OSError):
                if self._torn:
                    self._cut()
            descriptors.close(self._fd)
            self._fd = -1

    def delete(self) -> None:
        """Raises OSError where the file stays."""
        self.seal()
        self.path.unlink(missing_ok=True)
        self.deleted = True
