import gzip
import zlib

import pytest
import zstandard

from proxy.store.codings import LIMIT, decoded

PLAIN = b'{"a": 1}' * 100


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
        ("gzip, zstd", zstandard.compress(gzip.compress(PLAIN, mtime=0))),
    ],
)
def test_a_coded_body_is_read(coding: str, body: bytes) -> None:
    assert decoded(body, coding) == PLAIN


@pytest.mark.parametrize("coding", ["gzip", "deflate", "zstd", "br", "rot13"])
def test_a_body_that_is_not_coded_as_it_says_stays_as_it_is(coding: str) -> None:
    assert decoded(PLAIN, coding) == PLAIN


def test_of_a_cut_body_the_beginning_is_read() -> None:
    body = gzip.compress(bytes(range(256)) * 50)

    assert decoded(body[:-20], "gzip").startswith(bytes(range(256)))


@pytest.mark.parametrize(
    ("coding", "bomb"),
    [
        ("gzip", gzip.compress(bytes(LIMIT + 1), mtime=0)),
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
