"""Files of an export: compressed as their name or their beginning says, and whole or not there at all."""

import gzip
import io
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

import zstandard

_GZIP, _ZSTD, _PARQUET = b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PAR1"
_ZSTD_LEVEL = 10


@contextmanager
def written(path: Path | None) -> Iterator[IO[bytes]]:
    """A file to write to, which gets its name when all went well; None is standard output.

    Only its owner may read it, because bodies are exact.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as half:
        try:
            with _compressed(half, path.suffix) as file:
                yield file
            half.flush()
            # Before the rename: after a power cut an empty file under its final name would look complete.
            os.fsync(half.fileno())
            Path(half.name).rename(path)
        except BaseException:
            Path(half.name).unlink(missing_ok=True)
            raise


@contextmanager
def _compressed(file: IO[bytes], suffix: str) -> Iterator[IO[bytes]]:
    if suffix == ".gz":
        with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
            yield cast(IO[bytes], packed)
    elif suffix == ".zst":
        compressor = zstandard.ZstdCompressor(level=_ZSTD_LEVEL, write_checksum=True)
        with compressor.stream_writer(file, closefd=False) as packed_too:
            yield cast(IO[bytes], packed_too)
    else:
        yield file


@contextmanager
def opened(name: str) -> Iterator[io.BufferedReader]:
    """A file as it is, "-" for standard input."""
    if name == "-":
        yield cast(io.BufferedReader, sys.stdin.buffer)
        return
    with Path(name).open("rb") as file:
        yield file


def is_parquet(file: io.BufferedReader) -> bool:
    return file.peek(4)[:4] == _PARQUET


def plain(file: io.BufferedReader) -> IO[bytes]:
    """The file without its compression."""
    begin = file.peek(4)[:4]
    if begin[:2] == _GZIP:
        return cast(IO[bytes], gzip.GzipFile(fileobj=file))
    if begin == _ZSTD:
        return io.BufferedReader(_Unpacked(file), 1024**2)
    return file


class _Unpacked(io.RawIOBase):
    """zstd frames, one after the other; an end within a frame is an error, where the library sees a plain end."""

    def __init__(self, file: io.BufferedReader) -> None:
        self._file = file
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # the buffers that are used
        while not self._ready and self._more():
            pass
        count = min(len(buffer), len(self._ready))
        buffer[:count], self._ready = self._ready[:count], self._ready[count:]
        return count

    def _more(self) -> bool:
        if self._frame.eof:
            rest = self._frame.unused_data
            self._frame = zstandard.ZstdDecompressor().decompressobj()
            self._begun = False
        else:
            rest = b""
        data = rest or self._file.read(16 * 1024)
        if not data:
            if self._begun:
                raise EOFError("the compressed file ends too early")
            return False
        self._begun = True
        self._ready = self._frame.decompress(data)
        return True
