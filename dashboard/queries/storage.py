"""What the record takes: bytes of bodies as they were, and bytes on disk, by month and table."""

from dataclasses import dataclass
from datetime import date
from itertools import groupby

from django.db import connection
from django.db.models import Sum
from django.db.models.functions import TruncMonth

from proxy.store.models import Blob, DayRollup, Exchange, ExchangeBody, Receipt

_TABLES = [model._meta.db_table for model in (Exchange, ExchangeBody, Blob, Receipt)]
# A partition's name ends with its month. The size is that of the table with its indexes and TOAST.
_SIZES = """
SELECT to_date(right(relid::text, 7), 'YYYY_MM') AS month, parent::text, pg_total_relation_size(relid)
FROM unnest(%s::regclass[]) AS parent, pg_partition_tree(parent) WHERE isleaf ORDER BY month, parent::text
"""


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table's partition on disk; its share is that of the month's raw bytes, None where there are none."""

    table: str
    stored_bytes: int
    share: float | None


@dataclass(frozen=True, slots=True)
class MonthSize:
    """A month that has partitions: its bodies as they went over the wire, and all its tables on disk."""

    month: date
    raw_bytes: int
    stored_bytes: int
    share: float | None
    tables: list[TableSize]


@dataclass(frozen=True, slots=True)
class Storage:
    """The months together, the newest first."""

    raw_bytes: int
    stored_bytes: int
    share: float | None
    months: list[MonthSize]


def storage() -> Storage:
    """The sizes now. Raw bytes come from the rollups, so that no body is read."""
    with connection.cursor() as cursor:
        cursor.execute(_SIZES, [_TABLES])
        rows: list[tuple[date, str, int]] = cursor.fetchall()
    raw = _raw_bytes()
    sizes = {month: list(tables) for month, tables in groupby(rows, key=lambda row: row[0])}
    months = [
        _month(month, raw.get(month, 0), tables) for month, tables in sorted(sizes.items(), reverse=True)
    ]
    raw_bytes = sum(one.raw_bytes for one in months)
    stored_bytes = sum(one.stored_bytes for one in months)
    return Storage(raw_bytes, stored_bytes, _share(stored_bytes, raw_bytes), months)


def _raw_bytes() -> dict[date, int]:
    months = DayRollup.objects.annotate(month=TruncMonth("day")).values_list("month")
    return {month: int(kept) for month, kept in months.annotate(kept=Sum("kept_bytes"))}


def _month(month: date, raw: int, tables: list[tuple[date, str, int]]) -> MonthSize:
    stored = sum(size for _, _, size in tables)
    return MonthSize(
        month,
        raw,
        stored,
        _share(stored, raw),
        [TableSize(name, size, _share(size, raw)) for _, name, size in tables],
    )


def _share(stored: int, raw: int) -> float | None:
    return round(stored / raw, 4) if raw else None
