"""Compute the cost of stored exchanges again, with the prices as they are now, and move the sums by what changes.

It goes on by id in small transactions: each holds its months, locks its rows and changes rows, rollups and totals together, so
it may be interrupted, repeated and run beside ingest and retention, and `rebuild` sees no difference.
"""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet

from proxy.store import batches, costs, prices, rollups, storing, unpriced
from proxy.store.models import CLOCK_SLACK, Exchange, id_floor, month_of
from proxy.wire.price_book import names_of
from proxy.wire.pricing import PriceBook

_BATCH = 500
_UPDATE = """
UPDATE proxy_exchange AS row SET cost_usd = new.cost_usd, cost_state = new.cost_state, price_id = new.price_id,
    usage = coalesce(new.usage::jsonb, row.usage)
FROM unnest(%s::uuid[], %s::numeric[], %s::text[], %s::bigint[], %s::text[]) AS new (id, cost_usd, cost_state, price_id, usage)
WHERE row.id = new.id AND row.id BETWEEN %s AND %s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """Which exchanges: those without a price, or, with `everything`, all that were billed; `model` is who answered."""

    since: datetime | None = None
    until: datetime | None = None
    model: str = ""
    everything: bool = False
    dry_run: bool = False


@dataclass(slots=True)
class Repriced:
    """What came of it: `seen` were computed, `changed` are others now, `cost_usd` was added to the sums.

    `still_unpriced` counts them by the model that lacks a price, "" where the cost is beyond belief; `closed` are the
    models that are no longer told as unpriced.
    """

    seen: int = 0
    changed: int = 0
    cost_usd: Decimal = Decimal(0)
    still_unpriced: Counter[str] = field(default_factory=Counter)
    closed: list[str] = field(default_factory=list)


def reprice(asked: Asked, progress: Callable[[int], None] = lambda seen: None) -> Repriced:
    """Compute and, unless it is a dry run, write; `progress` hears how many are done."""
    book = prices.book()
    done = Repriced()
    last: UUID | None = UUID(int=0)
    while last is not None:
        last = _reprice_batch(asked, last, book, done)
        progress(done.seen)
    if not (asked.dry_run or asked.since or asked.until):
        done.closed = unpriced.close_priced(book, asked.model)
    return done


def _reprice_batch(asked: Asked, after: UUID, book: PriceBook, done: Repriced) -> UUID | None:
    """The next few exchanges; the id to go on after, None at the end."""
    ids = list(_chosen(asked).filter(id__gt=after).order_by("id").values_list("id", flat=True)[:_BATCH])
    with transaction.atomic():
        rows = [row for row in _read(asked, ids) if not asked.model or asked.model in _answered_by(row)]
        pairs = [(copy(row), row) for row in rows]
        for row in rows:
            missing = price_again(row, book)
            if row.cost_state == costs.UNPRICED:
                done.still_unpriced[missing] += 1
        changed = [(old, new) for old, new in pairs if _cost_of(old) != _cost_of(new)]
        if changed and not asked.dry_run:
            _write([new for _, new in changed])
            rollups.replace([old for old, _ in changed], [new for _, new in changed])
    done.seen += len(rows)
    done.changed += len(changed)
    done.cost_usd += sum(((new.cost_usd or 0) - (old.cost_usd or 0) for old, new in changed), Decimal(0))
    return ids[-1] if len(ids) == _BATCH else None


def _read(asked: Asked, ids: Sequence[UUID]) -> list[Exchange]:
    """These exchanges, locked unless it is a dry run; without those that were dropped or repriced since they were chosen."""
    if not ids:
        return []
    # The bounds keep months that are not held out of the plan, and so unlocked.
    rows = _chosen(asked).filter(id__in=ids, id__gte=ids[0], id__lte=ids[-1]).order_by("id")
    if asked.dry_run:
        return list(rows)
    storing.hold(sorted({month_of(one).date() for one in ids}))
    return list(rows.select_for_update())


def _chosen(asked: Asked) -> QuerySet[Exchange]:
    """Exchanges with a usage; of message batches' results, those that may be asked for."""
    rows = Exchange.objects.filter(usage__isnull=False)
    if not asked.everything:
        rows = rows.filter(cost_state=costs.UNPRICED)
    if asked.model:
        named = Q(answered_model__startswith=asked.model) | Q(
            answered_model="", model__startswith=asked.model
        )
        rows = rows.filter(named | Q(request_type="batch"))
    if asked.since:
        rows = rows.filter(started_at__gte=asked.since, id__gte=id_floor(asked.since - CLOCK_SLACK))
    if asked.until:
        rows = rows.filter(started_at__lt=asked.until, id__lt=id_floor(asked.until + CLOCK_SLACK))
    return rows


def _answered_by(row: Exchange) -> set[str]:
    found = batches.usage_of(row)
    models = [share.model for share in found.results.shares] if found else [row.answered_model or row.model]
    return {name for model in models for name in names_of(model)}


def price_again(row: Exchange, book: PriceBook) -> str:
    """Set the cost of a stored row anew; the model that lacks a price, "" where none does."""
    if found := batches.usage_of(row):
        return batches.bill(row, found, book) if found.priced_at else ""
    answer = costs.answer_of(row)
    row.cost_usd, row.price_id = None, None
    return costs.add_to(row, answer, book)


def _cost_of(row: Exchange) -> tuple[Decimal | None, str, int | None]:
    return row.cost_usd, row.cost_state, row.price_id


def _write(rows: Sequence[Exchange]) -> None:
    columns = [[getattr(row, name) for row in rows] for name in ("id", "cost_usd", "cost_state", "price_id")]
    # What a batch's results cost stands in their usage, too.
    usages = [json.dumps(row.usage) if batches.usage_of(row) else None for row in rows]
    with connection.cursor() as cursor:
        cursor.execute(_UPDATE, [*columns, usages, rows[0].id, rows[-1].id])
