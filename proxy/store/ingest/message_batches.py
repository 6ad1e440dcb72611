"""Which domain a message batch belongs to, and that its results count once, whoever fetches them how often (decision 0017)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from proxy.store.ingest.facts import Facts, Fetched
from proxy.store.models import Exchange
from proxy.store.postgres import columns
from proxy.store.pricing import costs
from proxy.wire.batches import Created, Results
from proxy.wire.billing.pricing import PriceBook

_ID_LENGTH = 255
_CUT = "the results were not fetched to their end, so nothing of them counts yet"
# What is created after its results were stored is filled in; of a creation that comes twice the first one holds.
_CREATE = """
INSERT INTO proxy_messagebatch AS known (id, domain, account, created_at, created_by, requests)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (id) DO UPDATE SET domain = excluded.domain, account = excluded.account, created_at = excluded.created_at,
    created_by = excluded.created_by, requests = excluded.requests
WHERE known.created_by IS NULL
"""
# One statement, so that of two workers with the same results exactly one gets the row.
_CLAIM = """
INSERT INTO proxy_messagebatch AS known (id, domain, account, created_at, counted_by, counted_at)
VALUES (%s, %s, %s, %s, %s, now())
ON CONFLICT (id) DO UPDATE SET counted_by = excluded.counted_by, counted_at = excluded.counted_at
WHERE known.counted_by IS NULL
RETURNING domain, created_at, requests
"""
_COUNTED_BY = "SELECT counted_by FROM proxy_messagebatch WHERE id = %s"


class BatchUsage(msgspec.Struct, frozen=True, omit_defaults=True):
    """What `Exchange.usage` holds of a fetch of results, under the key `batch`.

    `counted_by` names the exchange that had counted the batch before. `priced_at` is set where this one counted it: the
    moment whose prices hold, beside how many `requests` the batch had, if that is known. With neither, the results
    were cut, and nothing of them counts.
    """

    id: str
    results: Results
    counted_by: UUID | None = None
    priced_at: datetime | None = None
    requests: int | None = None


def usage_of(row: Exchange) -> BatchUsage | None:
    """What a stored exchange knows of the results it fetched, None where it fetched none."""
    kept = row.usage.get("batch") if isinstance(row.usage, dict) and row.request_type == "batch" else None
    try:
        return msgspec.convert(kept, BatchUsage, strict=False) if kept else None
    except msgspec.ValidationError:
        return None


def settle(new: Sequence[Facts], prices: PriceBook) -> list[Facts]:
    """Take note of the batches that were created, and decide which of these exchanges count a batch's results; all of them.

    One batch after the other, its creation first: transactions with the same batches never wait for each other in a circle.
    """
    unpriced: dict[UUID, str] = {}
    for fetched in sorted((facts for facts in new if facts.batch), key=_order):
        if isinstance(fetched.batch, Fetched):
            unpriced[fetched.exchange.id] = _fetched(
                _id(fetched.batch), fetched.exchange, fetched.batch, prices
            )
        elif fetched.batch:
            _created(_id(fetched.batch), fetched.exchange, fetched.batch)
    return [
        replace(facts, unpriced_model=unpriced[facts.exchange.id]) if facts.exchange.id in unpriced else facts
        for facts in new
    ]


def _order(facts: Facts) -> tuple[str, bool, UUID]:
    return _id(facts.batch) if facts.batch else "", isinstance(facts.batch, Fetched), facts.exchange.id


def _id(batch: Created | Fetched) -> str:
    return columns.text(batch.batch_id, _ID_LENGTH)


def _created(batch_id: str, row: Exchange, batch: Created) -> None:
    created_at = batch.created_at or row.started_at
    with connection.cursor() as cursor:
        cursor.execute(_CREATE, [batch_id, row.domain, row.account, created_at, row.id, batch.requests])


def _fetched(batch_id: str, row: Exchange, batch: Fetched, prices: PriceBook) -> str:
    """Bill the row if it is the one that counts; a model that lacks a price for it, "" where none does."""
    row.model, row.price_rule = batch.results.model, costs.RULE
    found = BatchUsage(batch_id, batch.results)
    if batch.complete and (known := _claim(batch_id, row)):
        domain, at, requests = known
        row.counts_as = "" if domain == row.domain else domain
        return bill(row, msgspec.structs.replace(found, priced_at=at, requests=requests), prices)
    if counted_by := _counted_by(batch_id):
        keep(row, msgspec.structs.replace(found, counted_by=counted_by))
    else:
        row.cost_state, row.cost_reason = costs.PARTIAL, _CUT
        keep(row, found)
    return ""


def bill(row: Exchange, found: BatchUsage, prices: PriceBook) -> str:
    """Set tokens and cost of the row that counts a batch; a model that lacks a price, "" where none does.

    All that it takes is in `found`, so it can be done again.
    """
    at = found.priced_at or row.started_at
    shares, unpriced = costs.add_batch(row, found.results, found.requests, at, prices)
    keep(row, msgspec.structs.replace(found, results=msgspec.structs.replace(found.results, shares=shares)))
    return unpriced


def keep(row: Exchange, found: BatchUsage) -> None:
    """Write down what is known of the results that an exchange fetched."""
    row.usage = {"batch": msgspec.to_builtins(found)}
    columns.fit(row)


def _claim(batch_id: str, row: Exchange) -> tuple[str, datetime, int | None] | None:
    """The batch's domain, creation and number of requests, if its results were not counted yet and now are."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [batch_id, row.domain, row.account, row.started_at, row.id])
        known: tuple[str, datetime, int | None] | None = cursor.fetchone()
    return known


def _counted_by(batch_id: str) -> UUID | None:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTED_BY, [batch_id])
        found = cursor.fetchone()
    return found[0] if found else None
