"""Frames of zstd for the database. Compressors are kept: to make one takes ten times as long as to compress a small text."""

import threading
from collections.abc import Callable
from functools import lru_cache

import zstandard

_LEVEL = 3
# Each holds up to some hundred kilobytes.
_MOST_DICTIONARIES = 8


class _Kept(threading.local):
    """The compressors of a thread, for none may be used by two at once."""

    def __init__(self) -> None:
        self.plain = zstandard.ZstdCompressor(level=_LEVEL)
        self.by_dictionary: Callable[[bytes], zstandard.ZstdCompressor] = lru_cache(_MOST_DICTIONARIES)(
            _with_dictionary
        )


def compress(data: bytes) -> bytes:
    """A frame of its own."""
    return _kept.plain.compress(data)


def compress_beside(data: bytes, dictionary: bytes) -> bytes:
    """A frame with a checksum that names what it has in common with `dictionary`, which may be empty."""
    return _kept.by_dictionary(dictionary).compress(data)


def raw(dictionary: bytes) -> zstandard.ZstdCompressionDict:
    """Any bytes as a dictionary."""
    return zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)


def _with_dictionary(dictionary: bytes) -> zstandard.ZstdCompressor:
    return zstandard.ZstdCompressor(level=_LEVEL, dict_data=raw(dictionary), write_checksum=True)


_kept = _Kept()
