"""What there is of each month, what was dropped of it, and what retention does next."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby

from django.db import connection

from proxy.store.models import DroppedMonth, Exchange
from proxy.store.months.retention import Step, droppable, due
from proxy.store.postgres.partitions import Partition, partitions

_PINNED = "SELECT month, (SELECT count(DISTINCT id) FROM nexus_pinned(month) AS id) FROM unnest(%s::date[]) AS month"


@dataclass(frozen=True, slots=True)
class Month:
    """One month; `pinned` counts exchanges, `next_run` names the parts that retention will drop."""

    month: date
    tables: list[Partition]
    pinned: int
    bodies_dropped_at: datetime | None
    metadata_dropped_at: datetime | None
    next_run: list[str]

    @property
    def stored_bytes(self) -> int:
        return sum(table.stored_bytes for table in self.tables)

    @property
    def exchanges(self) -> int | None:
        """An estimate, None where there is none."""
        return next((table.rows for table in self.tables if table.table == Exchange._meta.db_table), None)


def plan(now: datetime) -> list[Step]:
    """What a run of retention drops: what is past its time and not all pinned."""
    return [step for step in due(partitions(), now) if droppable(step)]


def months(now: datetime) -> list[Month]:
    """Every month that has partitions or had some, the oldest first."""
    tables = {
        month: list(found) for month, found in groupby(partitions(), key=lambda partition: partition.month)
    }
    dropped = {row.month: row for row in DroppedMonth.objects.all()}
    known = sorted(tables.keys() | dropped.keys())
    pinned, steps = _pinned(known), plan(now)
    return [
        Month(
            month=month,
            tables=tables.get(month, []),
            pinned=pinned[month],
            bodies_dropped_at=dropped[month].bodies_dropped_at if month in dropped else None,
            metadata_dropped_at=dropped[month].metadata_dropped_at if month in dropped else None,
            next_run=[step.part.name for step in steps if step.month == month],
        )
        for month in known
    ]


def _pinned(known: list[date]) -> Mapping[date, int]:
    with connection.cursor() as cursor:
        cursor.execute(_PINNED, [known])
        return dict(cursor.fetchall())
