"""Bodies, kept as pieces: each distinct piece once a month, compressed, under its digest."""

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Literal
from uuid import UUID

import msgspec
import zstandard
from django.db import connection

from proxy.store.bulk import execute_binary
from proxy.store.manifests import DIGEST_SIZE, request_pieces, split
from proxy.store.models import Blob, ExchangeBody, month_of
from proxy.store.retention import BODIES, why_gone
from proxy.wire.cut import cut

log = logging.getLogger("nexus.ingest")

_LEVEL = 3
_KNOWN = "SELECT digest FROM proxy_blob WHERE month = %s AND digest = ANY(%s)"
# In the order of the key, or two workers with the same pieces would wait for each other.
_INSERT = """
INSERT INTO proxy_blob (month, digest, data, size)
SELECT %b::date, * FROM unnest(%b::bytea[], %b::bytea[], %b::bigint[]) AS piece (digest, data, size)
ORDER BY digest ON CONFLICT DO NOTHING
"""

Chunks = list[tuple[float, int]]
_decode_chunks = msgspec.msgpack.Decoder(Chunks).decode


class BodyMissingError(LookupError):
    """The body cannot be given back; the message says whether it was dropped, has expired or is damaged."""


def pieces_of(body: bytes) -> list[bytes]:
    """The pieces of a request, in order; whatever the cutter does, joined they are the body."""
    try:
        pieces = cut(body)
    except Exception:  # a body that the cutter cannot take is kept all the same
        log.exception("ingest.uncut")
        return [body]
    if b"".join(pieces) != body:
        log.error("ingest.uncut")
        return [body]
    return pieces


class Pieces:
    """The pieces of many bodies, gathered to be stored at once."""

    def __init__(self) -> None:
        self._by_month: dict[date, dict[bytes, bytes]] = defaultdict(dict)

    def add(self, month: date, pieces: Iterable[bytes]) -> list[bytes]:
        """The digests of a body's pieces, in order."""
        known = self._by_month[month]
        digests = []
        for piece in pieces:
            digest = _digest(piece)
            known[digest] = piece
            digests.append(digest)
        return digests

    def store(self) -> None:
        """Insert what the database does not hold yet; only that is compressed and sent."""
        compress = zstandard.ZstdCompressor(level=_LEVEL).compress
        for month, pieces in sorted(self._by_month.items()):
            new = pieces.keys() - _known(month, pieces)
            if new:
                digests = sorted(new)
                data = [compress(pieces[digest]) for digest in digests]
                execute_binary(_INSERT, [month, digests, data, [len(pieces[digest]) for digest in digests]])


def _known(month: date, pieces: Mapping[bytes, bytes]) -> set[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [month, list(pieces)])
        return {bytes(digest) for (digest,) in cursor.fetchall()}


def body_of(exchange_id: UUID, which: Literal["request", "response"]) -> bytes:
    """The exact bytes of one body, each piece checked; BodyMissingError where they cannot be had."""
    row = ExchangeBody.objects.filter(pk=exchange_id).first()
    if row is None:
        raise BodyMissingError(
            why_gone(exchange_id, BODIES)
            or f"no bodies are stored for exchange {exchange_id}: they expired, or storage was off"
        )
    if row.request_dropped if which == "request" else row.response_dropped:
        raise BodyMissingError(f"the {which} body of {exchange_id} was dropped because the spool was full")
    digests = request_pieces(exchange_id) if which == "request" else split(bytes(row.response_manifest))
    if digests is None:
        raise BodyMissingError(
            f"the manifest of {exchange_id} needs that of another exchange, which is missing:"
            " restore it from a backup"
        )
    body = _join(month_of(exchange_id).date(), digests)
    if sha256(body).digest() != bytes(row.request_digest if which == "request" else row.response_digest):
        raise BodyMissingError(
            f"the {which} body of {exchange_id} is damaged: restore its manifest from a backup"
        )
    return body


def _digest(piece: bytes) -> bytes:
    return sha256(piece).digest()[:DIGEST_SIZE]


def _join(month: date, digests: Sequence[bytes]) -> bytes:
    pieces = _read(month, digests)
    return b"".join(pieces[digest] for digest in digests)


def _read(month: date, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    wanted = set(digests)
    rows = Blob.objects.filter(month=month, digest__in=wanted).values_list("digest", "data", "size")
    decompress = zstandard.ZstdDecompressor().decompress
    found: dict[bytes, bytes] = {}
    for digest, data, size in rows:
        try:
            piece = decompress(bytes(data), max_output_size=size)
        except zstandard.ZstdError:
            continue
        if _digest(piece) == bytes(digest):
            found[bytes(digest)] = piece
    if missing := wanted - found.keys():
        names = ", ".join(sorted(digest.hex() for digest in missing))
        raise BodyMissingError(
            f"pieces of {month:%Y-%m} are missing or damaged, restore them from a backup: {names}"
        )
    return found


def encode_chunks(chunks: Chunks) -> bytes:
    """The timeline of a response as `ExchangeBody.chunks` keeps it."""
    return zstandard.ZstdCompressor(level=_LEVEL).compress(msgspec.msgpack.encode(chunks))


def decode_chunks(data: bytes) -> Chunks:
    """(milliseconds since the start, bytes) for each piece that the network gave."""
    return _decode_chunks(zstandard.ZstdDecompressor().decompress(data))
