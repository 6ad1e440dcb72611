"""Exchanges with their traffic, as it is in the tables: four queries for a group, however many are in it."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from hashlib import sha256
from uuid import UUID

from proxy.record import HeaderPairs
from proxy.store.bodies.blobs import decode_chunks, is_whole, sound_chunks
from proxy.store.bodies.encryption import is_keyed
from proxy.store.bodies.headers import Headers, headers_of
from proxy.store.bodies.manifests import requests_chunks, split
from proxy.store.bodies.traffic import Side, Traffic, Whole
from proxy.store.models import Exchange, ExchangeBody, month_of

Manifests = Mapping[UUID, tuple[Sequence[bytes] | None, Sequence[bytes]]]


@dataclass(frozen=True, slots=True)
class Kept:
    """One side of an exchange as its row has it; `damaged` where its headers cannot be read."""

    id: UUID
    headers: HeaderPairs
    damaged: bool
    digest: bytes
    dropped: bool
    not_kept: bool


def read(group: Sequence[Exchange], *, bodies: bool) -> Iterator[Whole]:
    """The exchanges of a group in their order; without `bodies`, only headers and times are read."""
    rows = ExchangeBody.objects.in_bulk([exchange.id for exchange in group])
    manifests = _manifests(rows) if bodies else {}
    chunks, headers = _chunks(manifests), headers_of(rows.values())
    for exchange in group:
        row = rows.get(exchange.id)
        yield Whole(exchange, _traffic(row, headers[row.id], manifests, chunks) if row else None)


def _manifests(rows: Mapping[UUID, ExchangeBody]) -> Manifests:
    requests = requests_chunks(rows)
    return {key: (requests.get(key), split(bytes(row.response_manifest))) for key, row in rows.items()}


def _chunks(manifests: Manifests) -> Mapping[date, Mapping[bytes, bytes]]:
    by_month: dict[date, set[bytes]] = defaultdict(set)
    for exchange_id, (request, response) in manifests.items():
        by_month[month_of(exchange_id).date()].update(request or (), response)
    return {month: sound_chunks(month, wanted) for month, wanted in by_month.items() if wanted}


def _traffic(
    row: ExchangeBody,
    headers: Headers,
    manifests: Manifests,
    by_month: Mapping[date, Mapping[bytes, bytes]],
) -> Traffic:
    chunks = by_month.get(month_of(row.id).date(), {})
    read = row.id in manifests
    request, response = manifests.get(row.id, (None, None))
    sides = [
        Kept(
            row.id,
            getattr(headers, which),
            bool(headers.missing),
            bytes(getattr(row, f"{which}_digest")),
            getattr(row, f"{which}_dropped"),
            getattr(row, f"{which}_not_kept"),
        )
        for which in ("request", "response")
    ]
    return Traffic(
        _side(sides[0], _join(request, chunks), read=read),
        _side(sides[1], _join(response, chunks), read=read),
        decode_chunks(bytes(row.chunks)) if row.chunks else [],
    )


def _side(kept: Kept, body: bytes | None, *, read: bool) -> Side:
    reported = b"" if is_keyed(kept.digest) else kept.digest
    if kept.dropped or kept.not_kept or not read:
        return Side(kept.headers, None, reported, kept.dropped, kept.not_kept, kept.damaged)
    if body is not None and is_whole(body, kept.digest, month_of(kept.id).date()):
        return Side(kept.headers, body, sha256(body).digest(), damaged=kept.damaged)
    # No pieces at all: it came by an import from an export without bodies.
    return Side(kept.headers, None, reported, damaged=kept.damaged or body != b"")


def _join(manifest: Sequence[bytes] | None, chunks: Mapping[bytes, bytes]) -> bytes | None:
    if manifest is None or any(digest not in chunks for digest in manifest):
        return None
    return b"".join(chunks[digest] for digest in manifest)
