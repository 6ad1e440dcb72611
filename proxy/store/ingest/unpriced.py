"""Models without a price: each is noted once over all workers, so that it is reported once and shown until it is priced."""

from collections.abc import Iterable, Mapping
from uuid import UUID

from django.db import connection
from django.db.models import Sum
from django.utils import timezone

from proxy.store.ingest.facts import Facts
from proxy.store.models import DomainTotal, UnpricedModel
from proxy.store.pricing.book import book
from proxy.wire.billing.price_book import PriceBook, names_of

# Sorted, or two batches with the same models in another order would wait for each other.
_NOTE = """
INSERT INTO proxy_unpricedmodel (model, first_seen, exchange_id)
SELECT model, first_seen, id FROM unnest(%s::text[], %s::timestamptz[], %s::uuid[]) AS new (model, first_seen, id)
ORDER BY model
ON CONFLICT (model) DO UPDATE SET first_seen = excluded.first_seen, exchange_id = excluded.exchange_id, closed_at = NULL
    WHERE proxy_unpricedmodel.closed_at IS NOT NULL
RETURNING exchange_id, model
"""


def note(new: Iterable[Facts]) -> dict[UUID, str]:
    """Remember which models lack a price; those that nobody knew of, by the exchange that showed it.

    It belongs to the transaction that stores the exchanges: a batch that comes again tells nothing again.
    """
    first = {
        facts.unpriced_model: facts
        for facts in sorted(new, key=lambda facts: facts.exchange.started_at, reverse=True)
        if facts.unpriced_model
    }
    if not first:
        return {}
    known = UnpricedModel.objects.filter(model__in=first, closed_at=None).values_list("model", flat=True)
    unknown = {model: exchange for model, exchange in first.items() if model not in set(known)}
    return _insert(_still_unpriced(unknown)) if unknown else {}


def _still_unpriced(found: Mapping[str, Facts]) -> dict[str, Facts]:
    """Without those that were priced since this worker last read the prices: `reprice` closed them already."""
    now = book()
    return {
        model: exchange
        for model, exchange in found.items()
        if now.find(model, exchange.exchange.started_at) is None
    }


def _insert(found: Mapping[str, Facts]) -> dict[UUID, str]:
    rows = [exchange.exchange for exchange in found.values()]
    with connection.cursor() as cursor:
        cursor.execute(_NOTE, [list(found), [row.started_at for row in rows], [row.id for row in rows]])
        return dict(cursor.fetchall())


def close_priced(prices: PriceBook, model: str = "") -> list[str]:
    """Take as settled the models, or what is called `model`, that have a price from their first exchange on; their names."""
    waiting = UnpricedModel.objects.filter(closed_at=None)
    priced = sorted(
        row.model
        for row in waiting
        if prices.find(row.model, row.first_seen) and (not model or model in names_of(row.model))
    )
    UnpricedModel.objects.filter(model__in=priced).update(closed_at=timezone.now())
    return priced


def waiting() -> int:
    """How many exchanges count as unpriced, from the counters."""
    return int(DomainTotal.objects.aggregate(found=Sum("unpriced", default=0))["found"])
