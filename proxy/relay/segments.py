"""Append-only files of frames: the spool's only contact with the disk.

A frame is MAGIC, kind (1 byte), serial, length (8 bytes each, big-endian), XXH3-64 of kind, serial and payload, then the payload.
The page cache is durable enough (power loss is out of scope); a torn or damaged frame is found by its digest and skipped.
"""

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from xxhash import xxh3_64_intdigest

MAGIC = b"\xf7NXS"
_HEADER = struct.Struct(">4sBQQQ")

OPEN, REQUEST, RESPONSE, CLOSE = range(1, 5)


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame within a segment: where its payload lies."""

    kind: int
    serial: int
    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Damage:
    """Bytes of a segment that are no frame."""

    offset: int
    length: int


def _digest(kind: int, serial: int, payload: bytes | bytearray | memoryview) -> int:
    return xxh3_64_intdigest(payload, serial << 3 | kind)


class Segment:
    """One file; `holders` counts the exchanges that still need it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.holders = 0
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.size = os.fstat(self._fd).st_size

    def append(self, frames: list[tuple[int, int, bytes]]) -> list[Frame]:
        """Write (kind, serial, payload) frames in one call; raises OSError, and the file is then as before."""
        buffers: list[bytes] = []
        found: list[Frame] = []
        offset = self.size
        for kind, serial, payload in frames:
            header = _HEADER.pack(MAGIC, kind, serial, len(payload), _digest(kind, serial, payload))
            buffers += (header, payload)
            found.append(Frame(kind, serial, offset + _HEADER.size, len(payload)))
            offset += _HEADER.size + len(payload)
        try:
            written = os.writev(self._fd, buffers)
            if written != offset - self.size:
                raise OSError("the disk took only a part of the record")
        except OSError:
            os.ftruncate(self._fd, self.size)
            raise
        self.size = offset
        return found

    def read(self, frame: Frame) -> bytes | None:
        """A frame's payload; None if the disk no longer holds what was written."""
        payload = os.pread(self._fd, frame.length, frame.offset)
        header = os.pread(self._fd, _HEADER.size, frame.offset - _HEADER.size)
        expected = _HEADER.pack(
            MAGIC, frame.kind, frame.serial, frame.length, _digest(frame.kind, frame.serial, payload)
        )
        return payload if header == expected and len(payload) == frame.length else None

    def raw(self, start: int, length: int) -> bytes:
        return os.pread(self._fd, length, start)

    def scan(self) -> Iterator[Frame | Damage]:
        """All frames in order; between them what is damaged, found by looking for the next whole frame."""
        offset = 0
        while offset < self.size:
            frame = self._frame_at(offset)
            if frame:
                yield frame
                offset = frame.offset + frame.length
                continue
            following = self._next_frame(offset + 1)
            yield Damage(offset, following - offset)
            offset = following

    def _frame_at(self, offset: int) -> Frame | None:
        header = os.pread(self._fd, _HEADER.size, offset)
        if len(header) < _HEADER.size or not header.startswith(MAGIC):
            return None
        _, kind, serial, length, _ = _HEADER.unpack(header)
        frame = Frame(kind, serial, offset + _HEADER.size, length)
        fits = frame.offset + length <= self.size
        return frame if fits and self.read(frame) is not None else None

    def _next_frame(self, start: int) -> int:
        """Where the next whole frame begins, or the end."""
        step = 1024 * 1024
        while start < self.size:
            window = os.pread(self._fd, step + len(MAGIC) - 1, start)
            at = window.find(MAGIC)
            if at < 0:
                start += step
            elif self._frame_at(start + at):
                return start + at
            else:
                start += at + 1
        return self.size

    def close(self) -> None:
        os.close(self._fd)

    def delete(self) -> None:
        self.close()
        self.path.unlink(missing_ok=True)
