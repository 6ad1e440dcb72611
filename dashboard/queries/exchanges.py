"""Lists of exchanges by keyset, and all that is known of one."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
import zstandard
from django.db.models import QuerySet, Sum

from proxy.store.blobs import body_of
from proxy.store.models import DomainTotal, Exchange, ExchangeBody, Price

MAX_CHUNKS_BYTES = 64 * 1024 * 1024
# What a list has no column for stays in the table: `usage` alone can be a kilobyte a row.
UNLISTED = ("usage", "query", "tool_names", "passed_over", "user_id", "upstream_request_id", "message_id")
Chunk = tuple[float, int]
_decode_chunks = msgspec.msgpack.Decoder(list[tuple[float, int]]).decode


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a list, newest first; `older` is the id to go on before, None at the end."""

    rows: list[Exchange]
    older: UUID | None = None


@dataclass(frozen=True, slots=True)
class Details:
    """One exchange with its headers, the times of its pieces, both bodies and the price that was used.

    A body is None where it was not kept: dropped while the spool was full.
    """

    exchange: Exchange
    request_headers: list[tuple[str, str]]
    response_headers: list[tuple[str, str]]
    chunks: list[Chunk]
    request_body: bytes | None
    response_body: bytes | None
    price: Price | None


def listed(domain: str = "") -> QuerySet[Exchange]:
    """What lists read: newest first, without the wide columns."""
    return Exchange.objects.of_domain(domain).newest_first().defer(*UNLISTED)


def page(domain: str = "", before: UUID | None = None, size: int = 50, skip: int = 0) -> Page:
    """The `size` exchanges before an id; `skip` passes over some, at a cost that grows with it."""
    rows = listed(domain)
    if before is not None:
        rows = rows.filter(id__lt=before)
    found = list(rows[skip : skip + size + 1])
    return Page(found[:size], found[size - 1].id if len(found) > size else None)


def stored_total(domain: str = "") -> int:
    """How many exchanges are stored, from the counters: counting the table itself would take seconds."""
    totals = DomainTotal.objects.filter(domain=domain) if domain else DomainTotal.objects.all()
    return int(totals.aggregate(stored=Sum("stored", default=0))["stored"])


def domain_names(limit: int = 200) -> list[str]:
    """The domains with the latest traffic, for the filter's suggestions."""
    return list(DomainTotal.objects.order_by("-last_at").values_list("domain", flat=True)[:limit])


def find(exchange_id: UUID) -> Exchange | None:
    """One exchange, all columns."""
    return Exchange.objects.filter(id=exchange_id).first()


def details(exchange_id: UUID) -> Details | None:
    """All that is known of one exchange."""
    exchange = find(exchange_id)
    if exchange is None:
        return None
    body = ExchangeBody.objects.filter(id=exchange_id).first()
    price = Price.objects.filter(id=exchange.price_id).first() if exchange.price_id else None
    if body is None:
        return Details(exchange, [], [], [], None, None, price)
    return Details(
        exchange=exchange,
        request_headers=_pairs(body.request_headers),
        response_headers=_pairs(body.response_headers),
        chunks=_chunks(bytes(body.chunks)),
        request_body=None if body.request_dropped else body_of(exchange_id, "request"),
        response_body=None if body.response_dropped else body_of(exchange_id, "response"),
        price=price,
    )


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """Headers as pairs, repeats and order kept."""
    return [(str(name), str(value)) for name, value in headers or []]


def _chunks(packed: bytes) -> list[Chunk]:
    if not packed:
        return []
    unpacked = zstandard.ZstdDecompressor().decompress(packed, max_output_size=MAX_CHUNKS_BYTES)
    return _decode_chunks(unpacked)
