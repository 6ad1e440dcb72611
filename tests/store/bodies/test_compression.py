"""Compressors are kept, each by the thread that made it."""

import random
from concurrent.futures import ThreadPoolExecutor

import zstandard

from proxy.store.bodies.compression import compress, compress_beside, raw

DICTIONARY = b"x-request-id: abcdefgh, content-type: application/json, " * 10


def test_threads_that_compress_at_once_get_whole_frames() -> None:
    chance = random.Random(7)
    texts = [chance.randbytes(200_000) + bytes(50_000) for _ in range(40)]

    with ThreadPoolExecutor(4) as threads:
        plain = list(threads.map(compress, texts))
        beside = list(threads.map(lambda text: compress_beside(text, DICTIONARY), texts))

    reader = zstandard.ZstdDecompressor(dict_data=raw(DICTIONARY))
    assert list(map(zstandard.ZstdDecompressor().decompress, plain)) == texts
    assert list(map(reader.decompress, beside)) == texts


def test_a_frame_is_the_same_whatever_was_compressed_before_it() -> None:
    first = compress(DICTIONARY), compress_beside(DICTIONARY, DICTIONARY), compress_beside(DICTIONARY, b"")
    compress(b"other " * 10_000)
    for number in range(20):
        compress_beside(b"other", bytes([number]) * 600)

    again = compress(DICTIONARY), compress_beside(DICTIONARY, DICTIONARY), compress_beside(DICTIONARY, b"")

    assert again == first
    assert len(first[1]) < len(first[2])
