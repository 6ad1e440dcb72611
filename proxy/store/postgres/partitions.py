"""The months of the traffic tables: which partitions there are, and those that come next."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime

from django.db import connection, models

from proxy.store.models import (
    Blob,
    CacheBreak,
    ConversationHour,
    Exchange,
    ExchangeBody,
    Finding,
    Offer,
    Receipt,
    SearchText,
    Turn,
)

MODELS: tuple[type[models.Model], ...] = (
    Exchange,
    ExchangeBody,
    Blob,
    Receipt,
    Turn,
    Offer,
    SearchText,
    ConversationHour,
    CacheBreak,
    Finding,
)
TABLES = [model._meta.db_table for model in MODELS]
# The month that runs and two more: beat may be away for weeks, and ingest makes what it misses.
AHEAD = 3

# A partition's name ends with its month. Sizes are with indexes and TOAST; rows are what the last ANALYZE found, -1 without one.
_PARTITIONS = """
SELECT to_date(right(tree.relid::text, 7), 'YYYY_MM') AS month, parent::text,
    coalesce(pg_total_relation_size(tree.relid), 0), nullif(reltuples, -1)::bigint
FROM unnest(%s::regclass[]) AS parent, pg_partition_tree(parent) AS tree JOIN pg_class ON pg_class.oid = tree.relid
WHERE tree.isleaf ORDER BY month, parent::text
"""
_ENSURE = "SELECT nexus_ensure_month(%s)"


@dataclass(frozen=True, slots=True)
class Partition:
    """A month's part of one table; `rows` is an estimate, None before there is one."""

    month: date
    table: str
    stored_bytes: int
    rows: int | None


def partitions() -> list[Partition]:
    """All of them, by month and table, from the catalogue: no row of traffic is read."""
    with connection.cursor() as cursor:
        cursor.execute(_PARTITIONS, [TABLES])
        return [Partition(*row) for row in cursor.fetchall()]


def first_day(moment: datetime) -> date:
    """The month of a moment, in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def next_month(month: date) -> date:
    """The first day of the month after."""
    return date(month.year + month.month // 12, month.month % 12 + 1, 1)


def months_from(month: date, count: int) -> Iterator[date]:
    """That month and those after it."""
    for _ in range(count):
        yield month
        month = next_month(month)


def ensure_ahead(now: datetime) -> list[date]:
    """Make what is missing of this month and the next ones; the months that are there now."""
    months = list(months_from(first_day(now), AHEAD))
    with connection.cursor() as cursor:
        for month in months:
            cursor.execute(_ENSURE, [month])
    return months
