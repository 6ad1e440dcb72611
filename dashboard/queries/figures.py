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
# A day whose sums were all taken back, as by a rebuild, keeps its row.
_HAS_ANYTHING = reduce(or_, (~Q(**{name: 0}) for name in ("requests", *BILLED)))


def hour_of(moment: datetime) -> datetime:
    """The start of the hour: what a rollup can answer for."""
    return moment.replace(minute=0, second=0, microsecond=0)


def last_day() -> datetime:
    """The start of the last 24 hours, in whole hours: the present one and the 23 before it."""
    return hour_of(timezone.now()) - timedelta(hours=23)


def rollups(since: datetime, domain: str = "") -> QuerySet[Rollup]:
    """The hours from `since` (rounded down to the hour), of one domain or of all."""
    rows = Rollup.objects.filter(hour__gte=hour_of(since))
    return rows.filter(domain=domain) if domain else rows


def of_row(row: Mapping[str, Any]) -> Figures:
    """The sums in a row of an aggregating query, whatever else the row holds."""
    return Figures(*(row[name] for name in SUMMED))


def total(since: datetime, domain: str = "") -> Figures:
    """The sum of all hours since a moment."""
    return of_row(rollups(since, domain).aggregate(**AGGREGATES))


def active_domains(since: datetime, domain: str = "") -> int:
    """How many domains had traffic."""
    found = rollups(since, domain).aggregate(found=Count("domain", distinct=True))
    return int(found["found"])


@dataclass(frozen=True, slots=True)
class Summary:
    """A stretch of time in sums; of each split the busiest come first."""

    total: Figures
    by_domain: dict[str, Figures]
    by_model: dict[str, Figures]
    by_type: dict[str, Figures]


def summary(since: datetime, domain: str = "") -> Summary:
    """All sums since a moment, however long ago: hours up to the first midnight, days from then on."""
    midnight = _next_midnight(hour_of(since))
    hours = rollups(since, domain).filter(hour__lt=midnight)
    days = DayRollup.objects.filter(_HAS_ANYTHING, day__gte=midnight.date())
    if domain:
        days = days.filter(domain=domain)
    rows = [row for part in (hours, days) for row in part.values(*_SPLITS).annotate(**AGGREGATES)]
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
