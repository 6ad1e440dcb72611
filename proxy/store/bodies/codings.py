"""Undo HTTP content codings, for reading only: what is stored keeps the bytes of the wire.

Nexus asks upstream for `identity`; this is for answers (and requests) that are coded all the same.
"""

import zlib
from collections.abc import Callable

import brotli
import zstandard

from proxy.record import HeaderPairs

# A request may have 32 MiB, and no answer but a batch's results, which come plain, is near it. What expands beyond is a bomb.
LIMIT = 64 * 1024**2
# A member of gzip is met in files that were put together; each costs some time, also an empty one.
_MEMBERS = 1000
_CHUNK = 64 * 1024
_GZIP_OR_ZLIB = 32 + zlib.MAX_WBITS
_ZSTD_WINDOW = 8 * 1024**2  # RFC 9659: the largest window that a zstd content coding may use


def plain(body: bytes, headers: HeaderPairs) -> bytes:
    """`body` without the codings that its headers name, on one line or on several (RFC 9110 §8.4); see `decoded`."""
    return decoded(body, _coding_of(headers))


def are_known(headers: HeaderPairs) -> bool:
    """Whether each coding that the headers name can be undone."""
    return _UNDO.keys() >= set(_names(_coding_of(headers)))


def decoded(body: bytes, coding: str) -> bytes:
    """The plain bytes of `body`, all that a cut body gives; b"" where they exceed LIMIT.

    Bytes that are not what `coding` says stay as they are: some gateways decode a body and leave its header.
    """
    for name in reversed(_names(coding)):
        try:
            body = _UNDO[name](body) if name in _UNDO else body
        except (zlib.error, brotli.error, zstandard.ZstdError):
            continue
        if len(body) > LIMIT:
            return b""
    return body


def _coding_of(headers: HeaderPairs) -> str:
    return ",".join(value for name, value in headers if name.lower() == "content-encoding")


def _names(coding: str) -> list[str]:
    names = [part.strip().lower() for part in coding.split(",")]
    return [name for name in names if name not in ("", "identity")]


def _gunzip(body: bytes) -> bytes:
    """All members, one after the other (RFC 1952 §2.2); what follows the last one is padding or garbage.

    Raises zlib.error where already the first one is none.
    """
    parts: list[bytes] = []
    start = size = 0
    for number in range(_MEMBERS):
        member = zlib.decompressobj(_GZIP_OR_ZLIB)
        try:
            while start < len(body) and not member.eof and size <= LIMIT:
                chunk = body[start : start + _CHUNK]
                parts.append(member.decompress(chunk, LIMIT + 1 - size))
                size += len(parts[-1])
                start += len(chunk) - len(member.unused_data) - len(member.unconsumed_tail)
        except zlib.error:
            if number == 0:
                raise
            break
    return b"".join(parts)


def _inflate(body: bytes) -> bytes:
    """RFC 9110 means zlib's format; some servers send the bare stream."""
    try:
        return zlib.decompressobj(_GZIP_OR_ZLIB).decompress(body, LIMIT + 1)
    except zlib.error:
        return zlib.decompressobj(-zlib.MAX_WBITS).decompress(body, LIMIT + 1)


def _unzstd(body: bytes) -> bytes:
    reader = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW).stream_reader(
        body, read_across_frames=True
    )
    return reader.read(LIMIT + 1)


def _unbrotli(body: bytes) -> bytes:
    return bytes(brotli.Decompressor().process(body, output_buffer_limit=LIMIT + 1))


_UNDO: dict[str, Callable[[bytes], bytes]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "zstd": _unzstd,
    "br": _unbrotli,
}
