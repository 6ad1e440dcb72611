import gzip
import time
import zlib
from random import Random

import brotli
import pytest
import zstandard

from proxy.record import HeaderPairs
from proxy.store.bodies.codings import LIMIT, decoded, plain

PLAIN = b'{"a": 1}' * 100
MIXED = bytes(Random(4).choices(b"abcdefgh ", k=100_000))


def raw_deflate(body: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(body) + deflater.flush()


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("", PLAIN),
        ("identity", PLAIN),
        ("gzip", gzip.compress(PLAIN, mtime=0)),
        (" X-GZIP ", gzip.compress(PLAIN, mtime=0)),
        ("deflate", zlib.compress(PLAIN)),
        ("deflate", raw_deflate(PLAIN)),
        ("zstd", zstandard.compress(PLAIN)),
        ("br", brotli.compress(PLAIN)),
        (
            "gzip",
            gzip.compress(PLAIN[:9], mtime=0)
            + gzip.compress(PLAIN[9:40], mtime=0)
            + gzip.compress(PLAIN[40:], mtime=0),
        ),
        ("gzip", gzip.compress(PLAIN, mtime=0) + bytes(512)),
        ("gzip", gzip.compress(PLAIN, mtime=0) + b"garbage"),
        ("gzip, br", brotli.compress(gzip.compress(PLAIN, mtime=0))),
        ("gzip, zstd", zstandard.compress(gzip.compress(PLAIN, mtime=0))),
    ],
)
def test_a_coded_body_is_read(coding: str, body: bytes) -> None:
    assert decoded(body, coding) == PLAIN


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", "rot13"])
def test_a_body_that_is_not_coded_as_it_says_stays_as_it_is(coding: str) -> None:
    assert decoded(PLAIN, coding) == PLAIN


@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", gzip.compress(MIXED, mtime=0)),
        ("gzip", gzip.compress(MIXED, mtime=0) + gzip.compress(MIXED, mtime=0)),
        ("br", brotli.compress(MIXED)),
    ],
    ids=["gzip", "gzip-members", "br"],
)
def test_of_a_cut_body_the_beginning_is_read(coding: str, body: bytes) -> None:
    found = decoded(body[:-20], coding)

    assert found.startswith(MIXED[:5000])
    assert (MIXED * 2).startswith(found)


def test_a_gzip_member_after_which_garbage_comes_is_read_however_long_it_is() -> None:
    large = Random(5).randbytes(300_000)

    assert decoded(gzip.compress(large, mtime=0) * 2 + b"garbage", "gzip") == large * 2


def test_many_empty_members_take_no_time() -> None:
    begun = time.monotonic()

    assert decoded(gzip.compress(b"", mtime=0) * 200_000, "gzip") == b""
    assert time.monotonic() - begun < 2


@pytest.mark.parametrize(
    "headers",
    [
        [("content-encoding", "gzip"), ("content-encoding", "br")],
        [("Content-Encoding", "gzip"), ("x-other", "deflate"), ("CONTENT-ENCODING", "identity, br")],
        [("content-encoding", "gzip, br")],
    ],
)
def test_codings_may_stand_on_several_lines(headers: HeaderPairs) -> None:
    assert plain(brotli.compress(gzip.compress(PLAIN, mtime=0)), headers) == PLAIN
    assert plain(PLAIN, [("x-other", "gzip")]) == PLAIN


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(LIMIT + 1), mtime=0)),
        ("gzip", gzip.compress(bytes(LIMIT // 2), mtime=0) * 3),
        ("br", brotli.compress(bytes(LIMIT + 1), quality=1)),
        ("deflate", raw_deflate(bytes(LIMIT + 1))),
        ("zstd", zstandard.compress(bytes(LIMIT + 1))),
    ],
)
def test_a_bomb_is_not_unpacked(coding: str, bomb: bytes) -> None:
    assert decoded(bomb, coding) == b""


def test_a_zstd_window_beyond_the_http_limit_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters.from_level(1, window_log=27, write_content_size=False)
    compressor = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    body = compressor.compress(PLAIN) + compressor.flush()

    assert decoded(body, "zstd") == body
