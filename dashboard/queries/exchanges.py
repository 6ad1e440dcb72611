"""Lists of exchanges by keyset, and all that is known of one."""

from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from django.db.models import QuerySet, Sum

from proxy.store.billing.explain import Explanation, explain
from proxy.store.bodies.blobs import BodyMissingError, Chunks, body_of, decode_chunks
from proxy.store.models import DomainTotal, Exchange, ExchangeBody, Pin
from proxy.store.months.retention import METADATA, why_gone

NOT_STORED = "No exchange with this id is stored."

# What a list has no column for stays in the table: `usage` alone can be a kilobyte a row.
UNLISTED = (
    "usage",
    "query",
    "tool_names",
    "passed_over",
    "user_id",
    "upstream_request_id",
    "message_id",
    "counts_as",
    "answered_model",
    "finished",
    "price_id",
    "price_rule",
    "estimated_usd",
    "billed",
    "attempts",
    "max_tokens",
    "speed",
    "inference_geo",
    "service_tier",
    "thinking_tokens",
    "stop_details",
    "error_code",
    "input_transformations",
    "fallback_from",
    "bill_to",
    "left_organisation",
)


@dataclass(frozen=True, slots=True)
class Page:
    """A stretch of a list, newest first; `older` is the id to go on before, None at the end."""

    rows: list[Exchange]
    older: UUID | None = None


@dataclass(frozen=True, slots=True)
class KeptBody:
    """The exact bytes of a body as they went over the wire; None where they cannot be had, and then `missing` says why."""

    data: bytes | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """One exchange with its headers, the times of its pieces, both bodies, its bill and whether it is pinned."""

    exchange: Exchange
    request_headers: list[tuple[str, str]]
    response_headers: list[tuple[str, str]]
    chunks: Chunks
    request: KeptBody
    response: KeptBody
    bill: Explanation
    pinned: bool


def listed(domain: str = "") -> QuerySet[Exchange]:
    """What lists read: newest first, without the wide columns."""
    return Exchange.objects.of_domain(domain).newest_first().defer(*UNLISTED)


def page(domain: str = "", before: UUID | None = None, size: int = 50, skip: int = 0) -> Page:
    """The `size` exchanges before an id; `skip` passes over some, at a cost that grows with it."""
    rows = listed(domain)
    if before is not None:
        rows = rows.filter(id__lt=before)
    if skip:
        # An index alone tells the last id to pass over; with their columns they would all be read.
        passed = list(rows.values_list("id", flat=True)[skip - 1 : skip])
        rows = rows.filter(id__lt=passed[0]) if passed else rows.none()
    found = list(rows[: size + 1])
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


def why_unknown(exchange_id: UUID) -> str:
    """Why there is no such exchange."""
    gone = why_gone(exchange_id, METADATA)
    return f"{NOT_STORED[:-1]}: {gone}." if gone else NOT_STORED


def details(exchange_id: UUID) -> Details | None:
    """All that is known of one exchange."""
    exchange = find(exchange_id)
    if exchange is None:
        return None
    kept = ExchangeBody.objects.filter(id=exchange_id).first()
    return Details(
        exchange=exchange,
        request_headers=_pairs(kept.request_headers) if kept else [],
        response_headers=_pairs(kept.response_headers) if kept else [],
        chunks=decode_chunks(bytes(kept.chunks)) if kept and kept.chunks else [],
        request=body(exchange_id, "request"),
        response=body(exchange_id, "response"),
        bill=explain(exchange),
        pinned=Pin.objects.holding(exchange).exists(),
    )


def body(exchange_id: UUID, side: Literal["request", "response"]) -> KeptBody:
    """One body, or why there is none."""
    try:
        return KeptBody(body_of(exchange_id, side))
    except BodyMissingError as error:
        return KeptBody(None, str(error))


def _pairs(headers: Any) -> list[tuple[str, str]]:
    """Headers as pairs, repeats and order kept."""
    return [(str(name), str(value)) for name, value in headers or []]
