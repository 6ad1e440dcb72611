"""Add exchanges to the sums by client key, person, tool, error type and outcome, by hour and by day.

Whoever writes rollups writes them right after. Of a day whose smallest values were folded into one (`folding`), what has no row of
its own counts there, whenever it comes.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from operator import sub
from typing import NamedTuple

from psycopg import sql

from proxy.dimensions import DIMENSIONS, OTHER
from proxy.metrics import BILLED, COUNTED
from proxy.store.models import DayBreakdown, Exchange
from proxy.store.pricing import costs
from proxy.store.sums.adding import PLAIN_CHANGES, adding, upsert
from proxy.store.sums.definitions import UNKNOWN_DOMAIN, Number, counts_of

HOUR_KEY = ("dimension", "hour", "domain", "value")
DAY_KEY = ("dimension", "day", "domain", "value")


class Place(NamedTuple):
    """The key of an hour's row."""

    dimension: str
    hour: datetime
    domain: str
    value: str

    @property
    def day(self) -> tuple[str, date, str, str]:
        """The key of the day's row."""
        return self.dimension, self.hour.date(), self.domain, self.value


Sums = Sequence[Number]
ByPlace = Mapping[Place, Sums]


def add_to_hours(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of HOUR_KEY and SUMS)."""
    return adding("proxy_breakdown", HOUR_KEY, PLAIN_CHANGES, rows)


def add_to_days(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of DAY_KEY and SUMS)."""
    return adding("proxy_daybreakdown", DAY_KEY, PLAIN_CHANGES, rows)


def add(rows: Iterable[Exchange], *, kept: bool) -> None:
    """Add exchanges that were never added before."""
    _write(_by_place(rows, kept=kept))


def replace(old: Iterable[Exchange], new: Iterable[Exchange]) -> None:
    """Count stored exchanges as they are now, in place of how they were counted."""
    before, now = _by_place(old, kept=True), _by_place(new, kept=True)
    nothing = [0] * len(PLAIN_CHANGES)
    changes = {
        place: [*map(sub, now.get(place, nothing), before.get(place, nothing))]
        for place in now.keys() | before.keys()
    }
    _write({place: sums for place, sums in changes.items() if any(sums)})


def _by_place(rows: Iterable[Exchange], *, kept: bool) -> ByPlace:
    found: defaultdict[Place, list[Sums]] = defaultdict(list)
    for row in rows:
        sums = sums_of(row, kept=kept)
        hour = row.started_at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        domain, stranger = row.counts_as or row.domain, row.counts_as == UNKNOWN_DOMAIN
        for dimension in DIMENSIONS:
            for value in ("",) if stranger and dimension.by_strangers else dimension.of(row):
                found[Place(dimension.name, hour, domain, value)].append(sums)
    return _together(found)


def sums_of(row: Exchange, *, kept: bool) -> Sums:
    """What an exchange adds, of all its models together, in the order of SUMS."""
    billed = [(*part.tokens, part.cost_usd) for part in costs.billed_of(row)]
    own: Sums = billed[0] if len(billed) == 1 else [*map(sum, zip(*billed, strict=True))]
    return (*own[: len(BILLED)], *counts_of(row, kept=kept)[: len(COUNTED)])


def _together(found: Mapping[Place, Sequence[Sums]]) -> ByPlace:
    return {
        place: parts[0] if len(parts) == 1 else [*map(sum, zip(*parts, strict=True))]
        for place, parts in found.items()
    }


def _write(changes: ByPlace) -> None:
    if not changes:
        return
    changes = _into_folded(changes)
    upsert(add_to_hours, [(*place, *sums) for place, sums in sorted(changes.items())])
    days: defaultdict[tuple[str, date, str, str], list[Sums]] = defaultdict(list)
    for place, sums in changes.items():
        days[place.day].append(sums)
    upsert(add_to_days, [(*key, *map(sum, zip(*parts, strict=True))) for key, parts in sorted(days.items())])


def _into_folded(changes: ByPlace) -> ByPlace:
    """What has no row of its own on a day that was folded counts as OTHER. Today never was."""
    today = datetime.now(UTC).date()
    past = {place.day for place in changes if place.hour.date() < today}
    lost = without_row(past) if past else set()
    if not lost:
        return changes
    moved: defaultdict[Place, list[Sums]] = defaultdict(list)
    for place, sums in changes.items():
        moved[place._replace(value=OTHER) if place.day in lost else place].append(sums)
    return _together(moved)


def without_row(keys: Collection[tuple[str, date, str, str]]) -> set[tuple[str, date, str, str]]:
    """Of these days' values, by DAY_KEY, those that are folded into OTHER."""
    days = {day for _, day, _, _ in keys}
    folded = set(
        DayBreakdown.objects.filter(value=OTHER, day__in=days).values_list("dimension", "day", "domain")
    )
    of_folded = {key for key in keys if key[:3] in folded}
    if not of_folded:
        return set()
    with_row = DayBreakdown.objects.filter(day__in=days, value__in={key[3] for key in of_folded})
    return of_folded - set(with_row.values_list(*DAY_KEY))
