"""What the record takes: bytes of bodies as they were, and bytes on disk, by month and table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.db.models import Sum
from django.db.models.functions import TruncMonth

from dashboard.queries import narrowed
from proxy.store.models import DayRollup, DroppedMonth
from proxy.store.postgres.partitions import Partition, partitions


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table's partition on disk; its share is that of the month's raw bytes, None where there are none."""

    table: str
    stored_bytes: int
    share: float | None


@dataclass(frozen=True, slots=True)
class MonthSize:
    """A month that has partitions: its bodies as they went over the wire, and all its tables on disk.

    Rollups tell what came. Of a month whose bodies were dropped that says nothing about what is still there: None.
    """

    month: date
    raw_bytes: int | None
    stored_bytes: int
    share: float | None
    bodies_dropped_at: datetime | None
    tables: list[TableSize]


@dataclass(frozen=True, slots=True)
class Storage:
    """The months together, the newest first; raw bytes and share are of those whose bodies were not dropped."""

    raw_bytes: int
    stored_bytes: int
    share: float | None
    months: list[MonthSize]


def storage() -> Storage:
    """The sizes now. Raw bytes come from the rollups, so that no body is read."""
    raw, dropped = _raw_bytes(), _bodies_dropped_at()
    sizes = {
        month: list(found) for month, found in groupby(partitions(), key=lambda partition: partition.month)
    }
    months = [
        _month(month, None if dropped.get(month) else raw.get(month, 0), dropped.get(month), found)
        for month, found in sorted(sizes.items(), reverse=True)
    ]
    whole = [known_month for known_month in months if known_month.raw_bytes is not None]
    raw_bytes = sum(known_month.raw_bytes or 0 for known_month in whole)
    return Storage(
        raw_bytes=raw_bytes,
        stored_bytes=sum(size.stored_bytes for size in months),
        share=_share(sum(known_month.stored_bytes for known_month in whole), raw_bytes),
        months=months,
    )


def _bodies_dropped_at() -> dict[date, datetime | None]:
    return dict(narrowed.whole(DroppedMonth).values_list("month", "bodies_dropped_at"))


def _raw_bytes() -> dict[date, int]:
    months = narrowed.rows(DayRollup).annotate(month=TruncMonth("day")).values_list("month")
    return {month: int(kept) for month, kept in months.annotate(kept=Sum("kept_bytes"))}


def _month(
    month: date, raw: int | None, bodies_dropped_at: datetime | None, found: Sequence[Partition]
) -> MonthSize:
    stored = sum(table.stored_bytes for table in found)
    tables = [TableSize(table.table, table.stored_bytes, _share(table.stored_bytes, raw)) for table in found]
    return MonthSize(month, raw, stored, _share(stored, raw), bodies_dropped_at, tables)


def _share(stored: int, raw: int | None) -> float | None:
    return round(stored / raw, 4) if raw else None
