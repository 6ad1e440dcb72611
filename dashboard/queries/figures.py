"""Sums over the hourly rollups: the numbers of cards, charts and /api/stats."""

from collections import defaultdict, namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.filtering import domain_is
from proxy.metrics import BILLED, BY_NAME, DERIVED, METRICS, SUMS, Metric, Unit
from proxy.store.models import DayRollup, Rollup

SUMMED = tuple(
    name for name in SUMS if BY_NAME[name].shown or any(name in source.parts for source in DERIVED.values())
)
# From the worst on: the first of them that any exchange has says how far a cost can be trusted.
DOUBTS = tuple(metric for metric in METRICS if metric.tag)


def _tuple_of_sums() -> Any:
    """Types cannot say its fields: the table of metrics does."""
    zeros = [Decimal(0) if BY_NAME[name].unit is Unit.USD else 0 for name in SUMMED]
    return namedtuple("_Sums", SUMMED, defaults=zeros)


_Sums: Any = _tuple_of_sums()


class Figures(_Sums):  # type: ignore[misc]  # made at run time from the table
    """Sums of exchanges, and what is derived of them, by the names of their metrics.

    A model that only worked inside others' answers has tokens and a cost, and no requests of its own.
    """

    __slots__ = ()

    @property
    def exactness(self) -> str:
        """How far the cost can be trusted, by the worst of it: the name of a doubt, or exact."""
        return self.doubts[0][0].name if self.doubts else "exact"

    @property
    def doubts(self) -> list[tuple[Metric, int]]:
        """Why the cost is not exact, and of how many exchanges."""
        return [(metric, count) for metric in DOUBTS if (count := getattr(self, metric.name))]


for _name, _source in DERIVED.items():
    setattr(Figures, _name, property(_source.of))

TOKENS = tuple(name for name in BILLED if BY_NAME[name].unit is Unit.TOKENS)
AGGREGATES = {name: Sum(name, default=0) for name in SUMMED}
_SPLITS = ("domain", "model", "request_type")
# What rollups can be filtered by, besides the domain and whole hours: columns by the attribute of the filter.
_KEY = {"model": "model", "account": "account", "type": "request_type"}
SERVED = ("domain", *_KEY)
ALL = Filter()
# A day whose sums were all taken back, as by a rebuild, keeps its row.
_HAS_ANYTHING = reduce(or_, (~Q(**{name: 0}) for name in ("requests", *BILLED)))


def hour_of(moment: datetime) -> datetime:
    """The start of the hour: what a rollup can answer for."""
    return moment.replace(minute=0, second=0, microsecond=0)


def last_day() -> datetime:
    """The start of the last 24 hours, in whole hours: the present one and the 23 before it."""
    return hour_of(timezone.now()) - timedelta(hours=23)


def rollups(since: datetime, chosen: Filter = ALL, until: datetime | None = None) -> QuerySet[Rollup]:
    """The hours from `since` (rounded down to the hour) to `until`, of what a filter asks for by SERVED."""
    rows = Rollup.objects.filter(_by_key(chosen), hour__gte=hour_of(since))
    return rows.filter(hour__lt=until) if until else rows


def _by_key(chosen: Filter) -> Q:
    found = domain_is(chosen.domain) if chosen.domain else Q()
    for attribute, column in _KEY.items():
        if value := getattr(chosen, attribute):
            found &= Q(**{column: value})
    return found


def of_row(row: Mapping[str, Any]) -> Figures:
    """The sums in a row of an aggregating query, whatever else the row holds."""
    return Figures(*(row[name] for name in SUMMED))


def total(since: datetime, chosen: Filter = ALL) -> Figures:
    """The sum of all hours since a moment."""
    return of_row(rollups(since, chosen).aggregate(**AGGREGATES))


def active_domains(since: datetime, chosen: Filter = ALL) -> int:
    """How many domains had traffic."""
    found = rollups(since, chosen).aggregate(found=Count("domain", distinct=True))
    return int(found["found"])


@dataclass(frozen=True, slots=True)
class Summary:
    """A stretch of time in sums; of each split the busiest come first."""

    total: Figures
    by_domain: dict[str, Figures]
    by_model: dict[str, Figures]
    by_type: dict[str, Figures]


def summary(since: datetime, chosen: Filter = ALL, until: datetime | None = None) -> Summary:
    """All sums from a moment to another, however long ago: days where they are whole, hours before and after them."""
    midnight = _next_midnight(hour_of(since))
    last = until.replace(hour=0, minute=0, second=0, microsecond=0) if until else None
    hours = rollups(since, chosen, min(midnight, until) if until else midnight)
    days = DayRollup.objects.filter(_HAS_ANYTHING, _by_key(chosen), day__gte=midnight.date())
    parts_of_it: list[QuerySet[Any]] = [hours, days]
    if until and last:
        parts_of_it = [hours, days.filter(day__lt=last.date()), rollups(max(last, midnight), chosen, until)]
    rows = [row for part in parts_of_it for row in part.values(*_SPLITS).annotate(**AGGREGATES)]
    parts = [(row, of_row(row)) for row in rows]
    splits = [_split((row[name], sums) for row, sums in parts) for name in _SPLITS]
    return Summary(together(sums for _, sums in parts), *splits)


def _next_midnight(hour: datetime) -> datetime:
    """UTC, as days are; the hour itself where it is one."""
    return hour + timedelta(hours=-hour.astimezone(UTC).hour % 24)


def _split(parts: Iterable[tuple[str, Figures]]) -> dict[str, Figures]:
    groups: dict[str, list[Figures]] = defaultdict(list)
    for name, sums in parts:
        groups[name].append(sums)
    found = {name: together(sums) for name, sums in groups.items()}
    return dict(sorted(found.items(), key=lambda item: (-item[1].requests, -item[1].cost_usd, item[0])))


def together(parts: Iterable[Figures]) -> Figures:
    """The sum of sums."""
    return Figures(*map(sum, zip(*parts, strict=True)))
