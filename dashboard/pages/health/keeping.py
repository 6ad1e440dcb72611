"""What is stored and for how long: months with their sizes, retention; from the catalogue, no row of traffic is read."""

from collections.abc import Iterator
from datetime import date, datetime
from itertools import groupby

from django.conf import settings
from django.utils import timezone

from dashboard.pages.health.checks import Check, Section, State, Table, good_if
from dashboard.templatetags.nexus import grouped, local, size
from proxy.store.models import DroppedMonth, Exchange
from proxy.store.months.retention import PARTS
from proxy.store.postgres.partitions import AHEAD, TABLES, Partition, first_day, months_from, partitions


def storage() -> Section:
    """Months, newest first; their exchanges are PostgreSQL's estimate."""
    found = partitions()
    months = {month: list(tables) for month, tables in groupby(found, key=lambda table: table.month)}
    dropped = {row.month: row.bodies_dropped_at for row in DroppedMonth.objects.all()}
    rows = [_row(month, months[month], dropped.get(month)) for month in sorted(months, reverse=True)]
    total = sum(table.stored_bytes for table in found)
    checks = [Check("On disk", size(total)), _ahead(months), *_retention()]
    if not settings.STORAGE_ENABLED:
        checks.append(
            Check(
                "Storage",
                "off",
                State.WARN,
                "Requests are counted, not kept: set STORAGE_ENABLED=true to see them here.",
            )
        )
    columns = ("Month", "Exchanges, about", "On disk", "Bodies")
    return Section("storage", "Storage", checks, Table(columns, rows) if rows else None)


def _ahead(months: dict[date, list[Partition]]) -> Check:
    """Worker and beat make the months ahead each hour."""
    wanted = list(months_from(first_day(timezone.now()), AHEAD))
    ready = [month for month in wanted if len(months.get(month, [])) == len(TABLES)]
    is_ready = len(ready) == len(wanted)
    to_do = "" if is_ready else "Worker and beat make them within an hour; make them now:"
    shown = f"{len(ready)} of {len(wanted)} ready"
    return Check(
        "Months ahead",
        shown,
        good_if(is_ready, State.WARN),
        to_do,
        "" if is_ready else "manage.py partitions",
    )


def _retention() -> Iterator[Check]:
    for part in PARTS:
        kept = (
            f"{grouped(part.days)} days after their month ({part.setting})"
            if part.days
            else f"for ever ({part.setting}=0)"
        )
        yield Check(f"{part.called.capitalize()} are kept", kept)


def _row(month: date, tables: list[Partition], bodies_dropped_at: datetime | None) -> tuple[str, ...]:
    rows = next((table.rows for table in tables if table.table == Exchange._meta.db_table), None)
    return (
        f"{month:%Y-%m}",
        "not known yet" if rows is None else grouped(rows),
        size(sum(table.stored_bytes for table in tables)),
        f"dropped {local(bodies_dropped_at)}" if bodies_dropped_at else "kept",
    )
