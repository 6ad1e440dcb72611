"""Chunks: what is written is what is read, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.http.chunks import chunk_of, data_of


@given(st.binary(min_size=1, max_size=70_000))
def test_what_is_written_is_read(data: bytes) -> None:
    assert data_of(chunk_of(data)) == (data if len(data) < 64 * 1024 else b"")


@given(st.binary(max_size=40) | st.text("0123456789abcABC\r\n;+_ x", max_size=12).map(str.encode))
def test_what_is_read_is_as_it_would_be_written(chunk: bytes) -> None:
    data = data_of(chunk)
    assert data == b"" or chunk_of(data) == chunk


@pytest.mark.parametrize(
    "chunk",
    [
        b"",
        b"\r\n",
        b"0\r\n\r\n",
        b"1\r\na",
        b"1\r\na\r\n0\r\n\r\n",
        b"1\r\na\r\n1\r\nb\r\n",
        b"01\r\na\r\n",
        b"+1\r\na\r\n",
        b"1;x\r\na\r\n",
        b"1 \r\na\r\n",
        b"1_0\r\n0123456789abcdef\r\n",
        b"A\r\n0123456789\r\n",
        b"2\r\na\r\n\n",
        b"3\r\nab\r\n",
    ],
)
def test_anything_else_is_none(chunk: bytes) -> None:
    assert data_of(chunk) == b""
