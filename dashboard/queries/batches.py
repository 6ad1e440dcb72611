"""Message batches: which were created, and whose results were counted."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, QuerySet
from django.utils import timezone

from dashboard import reading
from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.filtering import asked_of_exchanges, domain_is
from proxy.store.models import Exchange, MessageBatch

# So long the API keeps the results of a batch after it was created.
RESULTS_KEPT = timedelta(days=29)
OWN = ("period", "from", "to", "zone", "domain", "account")
# What the exchanges of a batch know.
OF_EXCHANGES = ("model", "clientKey", "person", "session", "agent")
SERVED = (*OWN, *OF_EXCHANGES)
MOST_ROWS, MOST_SECONDS, STEP = 20_000, 1.0, 1_000


@dataclass(frozen=True, slots=True)
class Batch:
    """One batch. `created_by` and `counted_by` are exchanges; without `created_by` it was created past Nexus.

    `state` is `counted`, `waiting` (its results were not fetched yet) or `lost` (nobody fetched them while they were kept).
    """

    batch_id: str
    domain: str
    account_id: str
    state: str
    requests: int | None
    created_at: datetime
    created_by: UUID | None
    counted_at: datetime | None
    counted_by: UUID | None


@dataclass(frozen=True, slots=True)
class Listed:
    """Batches, the newest first; `looked_back_to` is set where it was not looked further."""

    batches: list[Batch]
    looked_back_to: datetime | None = None


def newest(chosen: Filter, limit: int = 100) -> Listed:
    """Those of a filter; of what exchanges know, the one that created a batch or the one that counted it has to fit."""
    now = timezone.now()
    rows, found = _of(chosen, now).order_by("-created_at", "id"), []
    asked = chosen.only(OF_EXCHANGES)
    if asked == Filter():
        return Listed(_batches(rows[:limit], now))
    seen, ends_at = 0, time.monotonic() + MOST_SECONDS
    while stretch := list(rows[seen : seen + STEP]):
        found += _batches(_fitting(stretch, asked, now), now)
        seen += len(stretch)
        if len(found) >= limit:
            return Listed(found[:limit])
        if len(stretch) == STEP and (seen >= MOST_ROWS or time.monotonic() > ends_at):
            return Listed(found, stretch[-1].created_at)
    return Listed(found)


def waiting(chosen: Filter) -> int:
    """How many batches were created whose results can still be fetched, and were not; their model is not known."""
    now = timezone.now()
    kept = _of(chosen, now).filter(counted_by=None, created_at__gt=now - RESULTS_KEPT)
    asked = chosen.only([name for name in OF_EXCHANGES if name != "model"])
    if asked == Filter():
        return int(kept.aggregate(found=Count("pk"))["found"])
    return sum(1 for _ in _fitting(list(kept.order_by("-created_at")[:MOST_ROWS]), asked, now))


def _of(chosen: Filter, now: datetime) -> QuerySet[MessageBatch]:
    bounds, rows = chosen.bounds(now), narrowed.rows(MessageBatch)
    if chosen.domain:
        rows = rows.filter(domain_is(chosen.domain))
    if chosen.account:
        rows = rows.filter(account=chosen.account)
    if bounds.since:
        rows = rows.filter(created_at__gte=bounds.since)
    return rows.filter(created_at__lt=bounds.until) if bounds.until else rows


def _fitting(rows: list[MessageBatch], asked: Filter, now: datetime) -> Iterator[MessageBatch]:
    ids = {exchange for row in rows for exchange in (row.created_by, row.counted_by) if exchange}
    exchanges = narrowed.rows(Exchange).filter(asked_of_exchanges(asked, now), id__in=ids)
    fits = set(exchanges.values_list("id", flat=True))
    return (row for row in rows if fits & {row.created_by, row.counted_by})


def _batches(rows: Iterable[MessageBatch], now: datetime) -> list[Batch]:
    found = [_batch(row, now) for row in rows]
    if not reading.reader().is_bound:
        return found
    # Whoever pays by the same account may have fetched the results.
    ids = {id_ for batch in found for id_ in (batch.created_by, batch.counted_by) if id_}
    own = set(narrowed.rows(Exchange).filter(id__in=ids).values_list("id", flat=True))
    return [
        replace(
            batch,
            created_by=batch.created_by if batch.created_by in own else None,
            counted_by=batch.counted_by if batch.counted_by in own else None,
        )
        for batch in found
    ]


def _batch(row: MessageBatch, now: datetime) -> Batch:
    fresh = now - row.created_at < RESULTS_KEPT
    return Batch(
        batch_id=row.id,
        domain=row.domain,
        account_id=row.account,
        state="counted" if row.counted_by else "waiting" if fresh else "lost",
        requests=row.requests,
        created_at=row.created_at,
        created_by=row.created_by,
        counted_at=row.counted_at,
        counted_by=row.counted_by,
    )
