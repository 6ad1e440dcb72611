"""Headers, kept as what differs from those of another exchange of the same domain with the same names.

A client sends nearly the same headers with each request, and nearly the same come back. Those of the first exchange of their
names are a chunk of the month, beside those of bodies: the dictionary. A row keeps both sides as JSON in a zstd frame that is
compressed with it, so that nobody has to list which headers vary. Small sets and huge ones do without; those of rows that
earlier versions wrote are in the columns of JSON. docs/decisions/0040 says why.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypedDict
from uuid import UUID

import msgspec
import zstandard

from proxy.record import HeaderPairs
from proxy.store.bodies.blobs import ChunkWriter, sound_chunks
from proxy.store.bodies.compression import compress_beside, raw
from proxy.store.models import ExchangeBody, month_of

# Bytes of JSON. A chunk takes some 200 bytes beside its data; huge sets would fill the memory.
_LEAST, _MOST = 512, 8 * 1024
_MOST_REMEMBERED = 1000

_decode = msgspec.json.Decoder(tuple[HeaderPairs, HeaderPairs]).decode
# By domain and names. Each process begins anew with its start: more dictionaries cost bytes and nothing else.
_dictionaries: dict[tuple[str, tuple[str, ...], tuple[str, ...]], bytes] = {}


class Columns(TypedDict):
    """What a row keeps of its headers; the dictionary by the digest of its chunk."""

    request_headers: HeaderPairs
    response_headers: HeaderPairs
    headers: bytes
    headers_dictionary: bytes | None


@dataclass(frozen=True, slots=True)
class Headers:
    """Both sides as they were recorded, in order, with repeats; where they cannot be had, `missing` says why."""

    request: HeaderPairs
    response: HeaderPairs
    missing: str = ""


NONE = Headers([], [])


def columns_of(headers: Headers, domain: str, month: date, writer: ChunkWriter) -> Columns:
    """The columns of an exchange's headers; their dictionary is added by `writer`."""
    text = msgspec.json.encode((headers.request, headers.response))
    dictionary = _dictionary(headers, domain, text) if _LEAST <= len(text) <= _MOST else b""
    digests = writer.add(month, [dictionary] if dictionary else [])
    return Columns(
        request_headers=[],
        response_headers=[],
        headers=compress_beside(text, dictionary),
        headers_dictionary=digests[0] if digests else None,
    )


def headers_of(rows: Iterable[ExchangeBody]) -> dict[UUID, Headers]:
    """The headers of stored rows, by their ids. KeyUnavailable where a dictionary is encrypted under a key that is missing."""
    rows = list(rows)
    by_month: dict[date, set[bytes]] = defaultdict(set)
    for row in rows:
        if row.headers_dictionary is not None:
            by_month[_month(row)].add(bytes(row.headers_dictionary))
    chunks = {month: sound_chunks(month, digests) for month, digests in by_month.items()}
    return {row.id: _headers(row, chunks.get(_month(row), {})) for row in rows}


def unpack(frame: bytes, dictionary: bytes) -> tuple[HeaderPairs, HeaderPairs]:
    """Request and response headers of a frame. Raises ZstdError or MsgspecError where it is damaged."""
    return _decode(zstandard.ZstdDecompressor(dict_data=raw(dictionary)).decompress(frame))


def _headers(row: ExchangeBody, chunks: Mapping[bytes, bytes]) -> Headers:
    # Made-up rows have both: what their prototype sent, and after it the session of their own.
    beside = _pairs(row.request_headers), _pairs(row.response_headers)
    if row.headers is None:
        return Headers(*beside)
    digest = b"" if row.headers_dictionary is None else bytes(row.headers_dictionary)
    if digest and digest not in chunks:
        return Headers(
            [],
            [],
            f"the headers of {row.id} need a piece of {_month(row):%Y-%m} that is missing or damaged,"
            f" restore it from a backup: {digest.hex()}",
        )
    try:
        request, response = unpack(bytes(row.headers), chunks.get(digest, b""))
    except (zstandard.ZstdError, msgspec.MsgspecError):
        return Headers([], [], f"the headers of {row.id} are damaged: restore the row from a backup")
    return Headers(request + beside[0], response + beside[1])


def _dictionary(headers: Headers, domain: str, text: bytes) -> bytes:
    """The first text that this process had for these names, which may be this one."""
    names = tuple(name for name, _ in headers.request), tuple(name for name, _ in headers.response)
    if len(_dictionaries) >= _MOST_REMEMBERED:
        _dictionaries.clear()
    return _dictionaries.setdefault((domain, *names), text)


def _pairs(document: Iterable[tuple[str, str]] | None) -> HeaderPairs:
    return [(name, value) for name, value in document or ()]


def _month(row: ExchangeBody) -> date:
    return month_of(row.id).date()
