"""Lists of exchanges by keyset, and all that is known of one."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, cast
from uuid import UUID

from django.db.models import Q, QuerySet, Sum

from dashboard import reading
from dashboard.filters.filter import Filter
from dashboard.queries import filtering, narrowed
from dashboard.queries.filtering import BACK, FORWARD, Found, asked_without_index, found_by_index, is_domain
from proxy.record import CLIENT_LEFT, COMPLETE
from proxy.store.billing.explain import Explanation, explain
from proxy.store.bodies.blobs import BodyMissingError, Chunks, body_of, decode_chunks
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.bodies.headers import NONE, Headers, headers_of
from proxy.store.bodies.traffic import Traffic
from proxy.store.models import CacheBreak, DomainTotal, Exchange, ExchangeBody, Pin
from proxy.store.models.keeping import PinQuerySet
from proxy.store.months.retention import METADATA, why_gone
from proxy.store.transfer.reading import read

# Each step takes a page some fifteen milliseconds.
SLOWEST_STEPS = 3
FAILURES_AMONG = 200
LOOKED_AT = 5_000  # rows in a part of an export
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
class KeptBody:
    """The exact bytes of a body as they went over the wire; None where they cannot be had, and then `missing` says why."""

    data: bytes | None
    missing: str = ""


@dataclass(frozen=True, slots=True)
class Details:
    """One exchange with its headers, the times of its pieces, both bodies, its bill, its cache break and whether it is pinned."""

    exchange: Exchange
    headers: Headers
    chunks: Chunks
    request: KeptBody
    response: KeptBody
    bill: Explanation
    cache_break: CacheBreak | None
    pinned: bool


def page(
    chosen: Filter, before: UUID | None = None, size: int = 50, skip: int = 0, wide: Collection[str] = ()
) -> Found:
    """The `size` exchanges of a filter before an id, without the wide columns but for `wide`; `skip` passes over some, at a cost
    that grows.
    """
    return filtering.find(_listed(wide), chosen, before, size, skip)


def following(chosen: Filter, after: UUID | None, size: int = 50, wide: Collection[str] = ()) -> Found:
    """The `size` exchanges of a filter after an id, without one the first of all, oldest first."""
    return filtering.find(_listed(wide), chosen, after, size, way=FORWARD)


def beside(chosen: Filter, exchange_id: UUID) -> tuple[UUID | None, UUID | None]:
    """The next newer and the next older exchange of a filter; it looks a step in each direction and no further."""
    rows = narrowed.rows(Exchange).only("id")
    found = (
        filtering.find(rows, chosen, exchange_id, 1, most_rows=filtering.STEP, way=way).rows
        for way in (FORWARD, BACK)
    )
    newer, older = (next((row.id for row in part), None) for part in found)
    return newer, older


def latest(chosen: Filter, size: int) -> Found:
    """The first of them, for a page that is read again and again: it looks a step back and no further."""
    return filtering.find(
        narrowed.rows(Exchange).order_by("-id").defer(*UNLISTED), chosen, size=size, most_rows=filtering.STEP
    )


def failures(chosen: Filter, size: int) -> Found:
    """The newest that failed, as sums count it, for a page that is read again and again: among the newest few."""
    rows = narrowed.rows(Exchange).order_by("-id").defer(*UNLISTED)
    failed = ~Q(outcome__in=(COMPLETE, CLIENT_LEFT))
    return filtering.latest_where(rows, chosen, failed, size, FAILURES_AMONG)


def slowest(chosen: Filter, size: int) -> Found:
    """Those that took longest, the slowest first; it looks a few steps back."""
    rows = narrowed.rows(Exchange).order_by("-id").defer(*UNLISTED)
    return filtering.slowest(rows, chosen, size, SLOWEST_STEPS * filtering.STEP)


def parts(chosen: Filter, columns: Sequence[str], now: datetime) -> Iterator[list[Exchange]]:
    """All of a filter for an export, newest first, of the last 24 hours without a period: no bound of a list ends them early.

    Each part is what the filter leaves of the next LOOKED_AT rows that an index finds, so it may be empty. Between two parts
    nothing runs, and nothing is held. What is asked is settled here and now: the parts are read when the view is over.
    """
    chosen = chosen.in_period("24h")
    others = asked_without_index(chosen)
    if chosen.domain and not is_domain(chosen.domain):
        # A part of a name may mean any number of domains, and no index has them all in order.
        others &= Q(domain__contains=chosen.domain)
        chosen = chosen.without("domain")
    ahead = narrowed.rows(Exchange).order_by("-id").filter(found_by_index(chosen, now))
    return _parts(ahead, others, columns)


def _parts(ahead: QuerySet[Exchange], others: Q, columns: Sequence[str]) -> Iterator[list[Exchange]]:
    while True:
        last = list(ahead.values_list("id", flat=True)[LOOKED_AT - 1 : LOOKED_AT])
        stretch = ahead.filter(id__gte=last[0]) if last else ahead
        yield list(stretch.filter(others).only(*columns))
        if not last:
            return
        ahead = ahead.filter(id__lt=last[0])


def stored_total(chosen: Filter) -> int | None:
    """How many exchanges of a filter are stored, from the counters; None where they cannot tell: counting takes seconds."""
    if replace(chosen, domain="", zone="") != Filter():
        return None
    totals = narrowed.rows(DomainTotal)
    if chosen.domain:
        totals = totals.filter(domain__in=filtering.domains_like(chosen.domain))
    return int(totals.aggregate(stored=Sum("stored", default=0))["stored"])


def _listed(wide: Collection[str]) -> QuerySet[Exchange]:
    unlisted = (name for name in UNLISTED if name not in wide)
    return narrowed.rows(Exchange).order_by("-id").defer(*unlisted)


def find(exchange_id: UUID) -> Exchange | None:
    """One exchange, all columns."""
    return narrowed.rows(Exchange).filter(id=exchange_id).first()


def why_unknown(exchange_id: UUID) -> str:
    """Why there is no such exchange."""
    gone = why_gone(exchange_id, METADATA)
    return f"{NOT_STORED[:-1]}: {gone}." if gone else NOT_STORED


def details(exchange_id: UUID) -> Details | None:
    """All that is known of one exchange."""
    exchange = find(exchange_id)
    if exchange is None:
        return None
    kept = narrowed.whole(ExchangeBody).filter(id=exchange_id).first()
    return Details(
        exchange=exchange,
        headers=_headers(kept) if kept else NONE,
        chunks=decode_chunks(bytes(kept.chunks)) if kept and kept.chunks else [],
        request=body(exchange_id, "request"),
        response=body(exchange_id, "response"),
        bill=explain(exchange),
        cache_break=narrowed.rows(CacheBreak).filter(id=exchange_id).first(),
        pinned=cast(PinQuerySet, narrowed.whole(Pin)).holding(exchange).exists(),
    )


def traffic_of(rows: Sequence[Exchange]) -> dict[UUID, Traffic]:
    """Headers and bodies of many exchanges at once, for those of which anything is stored and can be read."""
    try:
        wholes = list(read(rows, bodies=True))
    except KeyUnavailable:
        return {}
    return {whole.exchange.id: whole.traffic for whole in wholes if whole.traffic}


def body(exchange_id: UUID, side: Literal["request", "response"]) -> KeptBody:
    """One body, or why there is none: of another domain's exchange as of one that there never was."""
    if reading.is_bound() and not narrowed.rows(Exchange).filter(id=exchange_id).exists():
        return KeptBody(None, why_unknown(exchange_id))
    try:
        return KeptBody(body_of(exchange_id, side))
    except BodyMissingError as error:
        return KeptBody(None, str(error))


def request_headers(exchange_id: UUID) -> list[tuple[str, str]]:
    """Those of a request, [] where none are stored or can be read."""
    kept = narrowed.whole(ExchangeBody).filter(id=exchange_id).first()
    return list(_headers(kept).request) if kept else []


def _headers(kept: ExchangeBody) -> Headers:
    try:
        return headers_of([kept])[kept.id]
    except KeyUnavailable as error:
        return Headers([], [], str(error))
