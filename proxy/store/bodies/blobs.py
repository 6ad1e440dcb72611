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

from proxy.store.bodies import data_keys
from proxy.store.bodies.compression import compress
from proxy.store.bodies.encryption import BrokenSeal, KeyUnavailable, MonthSeal, Seal, is_keyed, is_sealed
from proxy.store.bodies.manifests import DIGEST_SIZE, request_chunks, split
from proxy.store.cpu_bound import Bounded, TooSlow
from proxy.store.models import Blob, Exchange, ExchangeBody, month_of
from proxy.store.months.retention import BODIES, why_gone
from proxy.store.postgres.bulk import execute_binary
from proxy.wire.chunking import chunks_of_body

log = logging.getLogger("nexus.ingest")

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


def chunks_of(body: bytes) -> list[bytes]:
    """The pieces of a request, in order; whatever the cutter does, joined they are the body."""
    try:
        with Bounded():
            chunks = chunks_of_body(body)
    except TooSlow:
        log.error("ingest.uncut", extra={"bytes": len(body), "why": "it took too long"})
        return [body]
    except Exception:  # a body that the cutter cannot take is kept all the same
        log.exception("ingest.uncut")
        return [body]
    if b"".join(chunks) != body:
        log.error("ingest.uncut")
        return [body]
    return chunks


class ChunkWriter:
    """The pieces of many bodies, gathered to be stored at once."""

    def __init__(self) -> None:
        self._by_month: dict[date, dict[bytes, bytes]] = defaultdict(dict)
        self._seals: dict[date, Seal] = {}

    def seal_of(self, month: date) -> Seal:
        """What the bodies of a month are sealed with, the same one until all are stored."""
        if month not in self._seals:
            self._seals[month] = data_keys.seal_of(month)
        return self._seals[month]

    def add(self, month: date, chunks: Iterable[bytes]) -> list[bytes]:
        """The digests of a body's pieces, in order."""
        known, digest_of = self._by_month[month], self.seal_of(month).digest
        digests = []
        for chunk in chunks:
            digest = digest_of(chunk)[:DIGEST_SIZE]
            known[digest] = chunk
            digests.append(digest)
        return digests

    def store(self) -> None:
        """Insert what the database does not hold yet; only that is compressed and sent."""
        for month, chunks in sorted(self._by_month.items()):
            new = chunks.keys() - _known(month, chunks)
            if new:
                digests, close = sorted(new), self.seal_of(month).close
                data = [close(compress(chunks[digest]), digest) for digest in digests]
                execute_binary(_INSERT, [month, digests, data, [len(chunks[digest]) for digest in digests]])


def _known(month: date, chunks: Mapping[bytes, bytes]) -> set[bytes]:
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, [month, list(chunks)])
        return {bytes(digest) for (digest,) in cursor.fetchall()}


def body_of(exchange_id: UUID, which: Literal["request", "response"]) -> bytes:
    """The exact bytes of one body, each piece checked; BodyMissingError where they cannot be had."""
    row = ExchangeBody.objects.filter(pk=exchange_id).first()
    if row is None:
        raise BodyMissingError(
            why_gone(exchange_id, BODIES)
            or f"no bodies are stored for exchange {exchange_id}: they expired, or storage was off"
        )
    if getattr(row, f"{which}_not_kept"):
        raise BodyMissingError(_not_kept(row, which))
    if getattr(row, f"{which}_dropped"):
        raise BodyMissingError(
            f"the {which} body of {exchange_id} was dropped because the spool was full or damaged"
        )
    digests = request_chunks(exchange_id) if which == "request" else split(bytes(row.response_manifest))
    if digests is None:
        raise BodyMissingError(
            f"the manifest of {exchange_id} needs that of another exchange, which is missing:"
            " restore it from a backup"
        )
    month = month_of(exchange_id).date()
    digest = bytes(row.request_digest if which == "request" else row.response_digest)
    try:
        body = _join(month, digests)
        whole = is_whole(body, digest, month)
    except KeyUnavailable as error:
        raise BodyMissingError(str(error)) from error
    if not whole and not digests:
        raise BodyMissingError(
            f"the {which} body of {exchange_id} was not in the export from which the exchange came"
        )
    if not whole:
        raise BodyMissingError(
            f"the {which} body of {exchange_id} is damaged: restore its manifest from a backup"
        )
    return body


def _not_kept(row: ExchangeBody, which: Literal["request", "response"]) -> str:
    size = Exchange.objects.filter(pk=row.id).values_list(f"{which}_bytes", flat=True).first()
    known = "unknown" if size is None else f"{size:,} bytes"
    digest = bytes(getattr(row, f"{which}_digest")).hex() or "unknown"
    return f"the {which} body of {row.id} is too large and was not kept (size {known}, SHA-256 {digest})"


def is_whole(body: bytes, digest: bytes, month: date) -> bool:
    """Whether this is the body of a digest that was made with encryption off or on."""
    seal = data_keys.needed_seal(month) if is_keyed(digest) else data_keys.UNSEALED
    return seal.body_digest(body) == digest


def _join(month: date, digests: Sequence[bytes]) -> bytes:
    chunks = _read(month, digests)
    return b"".join(chunks[digest] for digest in digests)


def _read(month: date, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    wanted = set(digests)
    found = sound_chunks(month, wanted)
    if missing := wanted - found.keys():
        names = ", ".join(sorted(digest.hex() for digest in missing))
        raise BodyMissingError(
            f"pieces of {month:%Y-%m} are missing or damaged, restore them from a backup: {names}"
        )
    return found


def sound_chunks(month: date, digests: Iterable[bytes]) -> dict[bytes, bytes]:
    """Those of a month's pieces that are there and whole, by their digests."""
    rows = list(Blob.objects.filter(month=month, digest__in=digests).values_list("digest", "data", "size"))
    seal = data_keys.needed_seal(month) if any(is_sealed(bytes(data)) for _, data, _ in rows) else None
    found: dict[bytes, bytes] = {}
    for digest, data, size in rows:
        chunk = _chunk(bytes(digest), bytes(data), size, seal)
        if chunk is not None:
            found[bytes(digest)] = chunk
    return found


def _chunk(digest: bytes, data: bytes, size: int, seal: MonthSeal | None) -> bytes | None:
    """A stored piece, None where it is damaged. A seal opens for its own digest only, a plain piece has to have it."""
    decompress = zstandard.ZstdDecompressor().decompress
    try:
        if seal and is_sealed(data):
            return decompress(seal.open(data, digest), max_output_size=size)
        chunk = decompress(data, max_output_size=size)
    except (BrokenSeal, zstandard.ZstdError):
        return None
    return chunk if sha256(chunk).digest()[:DIGEST_SIZE] == digest else None


def encode_chunks(chunks: Chunks) -> bytes:
    """The timeline of a response as `ExchangeBody.chunks` keeps it."""
    return compress(msgspec.msgpack.encode(chunks))


def decode_chunks(data: bytes) -> Chunks:
    """(milliseconds since the start, bytes) for each piece that the network gave."""
    return _decode_chunks(zstandard.ZstdDecompressor().decompress(data))
