"""Compute the cost of stored exchanges again, with the prices as they are now, and move the sums by what changes.

It goes on by id in small transactions: each holds its months, locks its rows and changes rows, rollups and totals together, so
it may be interrupted, repeated and run beside ingest and retention, and `rebuild` sees no difference.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Q, QuerySet, Sum
from django.utils import timezone

from proxy.store.billing.price_again import COLUMNS, price_again
from proxy.store.conversations import sums as conversations
from proxy.store.ingest import message_batches, storing, unpriced
from proxy.store.models import CLOCK_SLACK, DomainTotal, Exchange, Repricing, id_floor, month_of
from proxy.store.postgres import columns
from proxy.store.pricing import book as prices
from proxy.store.pricing import costs, pending
from proxy.store.sums import rollups
from proxy.wire.price_book import names_of
from proxy.wire.pricing import PriceBook

_BATCH = 500
# What may be billed by models that no column names.
_OTHERS_TOO = Q(billed__isnull=False) | Q(request_type="batch")


@dataclass(frozen=True, slots=True)
class Asked:
    """Which exchanges: of older rules, without a price or of changed prices; or without a price alone; or `everything`.

    `model` is who answered.
    """

    since: datetime | None = None
    until: datetime | None = None
    model: str = ""
    everything: bool = False
    unpriced: bool = False
    dry_run: bool = False

    @property
    def leaves_none(self) -> bool:
        """Whether nothing is left to be priced again after it."""
        return not (self.since or self.until or self.model or self.unpriced or self.dry_run)


@dataclass(slots=True)
class Repriced:
    """What came of it: `seen` were computed, `changed` are others now, `cost_usd` was added to the sums.

    `still_unpriced` counts them by the model that lacks a price; `closed` are the models that are no longer reported as unpriced;
    `models` holds the USD of each model before and after, where that changed.
    """

    seen: int = 0
    changed: int = 0
    cost_usd: Decimal = Decimal(0)
    still_unpriced: Counter[str] = field(default_factory=Counter)
    closed: list[str] = field(default_factory=list)
    models: dict[str, list[Decimal]] = field(default_factory=dict)


def reprice(asked: Asked, progress: Callable[[int], None] = lambda seen: None) -> Repriced:
    """Compute and, unless it is a dry run, write; `progress` hears how many are done."""
    began_at = timezone.now()
    book = prices.book()
    done = Repriced()
    totals: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    chosen = _chosen(asked)
    last: UUID | None = UUID(int=0)
    while last is not None:
        last = _reprice_batch(asked, chosen, last, book, done, totals)
        progress(done.seen)
    done.models = {model: usd for model, usd in sorted(totals.items()) if usd[0] != usd[1]}
    if not (asked.dry_run or asked.since or asked.until):
        done.closed = unpriced.close_priced(book, asked.model)
    if asked.leaves_none:
        Repricing.objects.create(began_at=began_at, ended_at=timezone.now())
    return done


def at_most(asked: Asked) -> int | None:
    """How many exchanges it may be, from the counters; None where they cannot tell."""
    if asked.since or asked.until or asked.model or asked.unpriced:
        return None
    if not (asked.everything or pending.pending().older_rule):
        return None
    return int(DomainTotal.objects.aggregate(found=Sum("requests", default=0))["found"])


def _chosen(asked: Asked) -> QuerySet[Exchange]:
    """Exchanges with a usage; of message batches' results, those that may be asked for."""
    rows = Exchange.objects.filter(usage__isnull=False)
    if not asked.everything:
        rows = rows.filter(_out_of_date(asked))
    if asked.model:
        named = Q(answered_model__startswith=asked.model) | Q(model__startswith=asked.model)
        rows = rows.filter(named | _OTHERS_TOO)
    if asked.since:
        rows = rows.filter(started_at__gte=asked.since, id__gte=id_floor(asked.since - CLOCK_SLACK))
    if asked.until:
        rows = rows.filter(started_at__lt=asked.until, id__lt=id_floor(asked.until + CLOCK_SLACK))
    return rows


def _out_of_date(asked: Asked) -> Q:
    """Each part has an index of its own but the changed prices, which are asked for only where there are any."""
    found = Q(cost_state=costs.UNPRICED)
    if not asked.unpriced:
        left = pending.pending()
        found |= pending.OLDER_RULE if left.older_rule else Q()
        if left.models:
            found |= Q(answered_model__in=left.models) | Q(model__in=left.models) | _OTHERS_TOO
    return found


def _reprice_batch(
    asked: Asked,
    chosen: QuerySet[Exchange],
    after: UUID,
    book: PriceBook,
    done: Repriced,
    totals: dict[str, list[Decimal]],
) -> UUID | None:
    """The next few exchanges; the id to go on after, None at the end."""
    ids = list(chosen.filter(id__gt=after).order_by("id").values_list("id", flat=True)[:_BATCH])
    with transaction.atomic():
        rows = [
            row for row in _read(asked, chosen, ids) if not asked.model or asked.model in _answered_by(row)
        ]
        pairs = [(copy(row), row) for row in rows]
        for row in rows:
            missing = price_again(row, book)
            columns.fit(row)
            if row.cost_state == costs.UNPRICED:
                done.still_unpriced[missing] += 1
        changed = [(old, new) for old, new in pairs if _kept(old) != _kept(new)]
        if changed and not asked.dry_run:
            _write([new for _, new in changed])
            conversations.replace([old for old, _ in changed], [new for _, new in changed])
            rollups.replace([old for old, _ in changed], [new for _, new in changed])
    done.seen += len(rows)
    done.changed += sum(_cost_of(old) != _cost_of(new) for old, new in changed)
    for position, side in enumerate(zip(*changed, strict=True)):
        _add(totals, side, position)
    done.cost_usd += sum(((new.cost_usd or 0) - (old.cost_usd or 0) for old, new in changed), Decimal(0))
    return ids[-1] if len(ids) == _BATCH else None


def _read(asked: Asked, chosen: QuerySet[Exchange], ids: Sequence[UUID]) -> list[Exchange]:
    """These exchanges, locked unless it is a dry run; without those that were dropped or repriced since they were chosen."""
    if not ids:
        return []
    # The bounds keep months that are not held out of the plan, and so unlocked.
    rows = chosen.filter(id__in=ids, id__gte=ids[0], id__lte=ids[-1]).order_by("id")
    if asked.dry_run:
        return list(rows)
    storing.hold(sorted({month_of(id_).date() for id_ in ids}))
    return list(rows.select_for_update())


def _answered_by(row: Exchange) -> set[str]:
    found = message_batches.usage_of(row)
    models = (
        {share.model for share in found.results.shares}
        if found
        else {billed.model for billed in costs.billed_of(row)}
    )
    models |= set() if found else {row.answered_model or row.model}
    return {name for model in models for name in names_of(model)}


def _add(totals: dict[str, list[Decimal]], rows: Iterable[Exchange], position: int) -> None:
    for row in rows:
        for billed in costs.billed_of(row):
            totals[billed.model][position] += billed.cost_usd


def _kept(row: Exchange) -> list[object]:
    return [getattr(row, name) for name in COLUMNS]


def _cost_of(row: Exchange) -> tuple[Decimal | None, str]:
    return row.cost_usd, row.cost_state


def _type_of(name: str) -> str:
    kind = Exchange._meta.get_field(name).db_type(connection)
    # Of an array of documents the driver would make text anyhow.
    return "text" if kind in ("jsonb", None) else kind


def _write(rows: Sequence[Exchange]) -> None:
    documents = columns.documents(Exchange)
    values = [[getattr(row, name) for row in rows] for name in COLUMNS]
    for position, name in enumerate(COLUMNS):
        if name in documents:
            values[position] = [None if value is None else json.dumps(value) for value in values[position]]
    new = ", ".join(f"new.{name}::jsonb" if name in documents else f"new.{name}" for name in COLUMNS)
    arrays = ", ".join(f"%s::{_type_of(name)}[]" for name in COLUMNS)
    names = ", ".join(COLUMNS)
    statement = (
        f"UPDATE proxy_exchange AS row SET ({names}) = ROW ({new})"  # noqa: S608 - our names
        f" FROM unnest(%s::uuid[], {arrays}) AS new (id, {names})"
        " WHERE row.id = new.id AND row.id BETWEEN %s AND %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, [[row.id for row in rows], *values, rows[0].id, rows[-1].id])
