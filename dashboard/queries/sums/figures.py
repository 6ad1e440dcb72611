"""Sums over the hourly rollups: the numbers of cards, charts and /api/stats."""

from collections import defaultdict, namedtuple
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet, Sum

from dashboard.filters.filter import Filter
from dashboard.queries.filtering import domain_is
from dashboard.queries.sums.spans import HOUR, Span
from proxy.metrics import BILLED, BY_NAME, DERIVED, DOUBTS, SUMS, Metric, Unit
from proxy.store.models import Breakdown, DayBreakdown, DayRollup, Rollup

SUMMED = tuple(
    name for name in SUMS if BY_NAME[name].shown or any(name in source.parts for source in DERIVED.values())
)


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
# What rollups are kept by, besides the domain and the hour: columns by the field of the filter, which is named alike in addresses.
_KEY = {"model": "model", "account": "account", "type": "request_type"}
# What they can be filtered by, by the names in addresses.
SERVED = ("period", "from", "to", "zone", "domain", *_KEY)
ALL = Filter()
# A day whose sums were all taken back, as by a rebuild, keeps its row.
_HAS_ANYTHING = reduce(or_, (~Q(**{name: 0}) for name in ("requests", *BILLED)))


def by_key(chosen: Filter) -> Q:
    """What a filter asks of a rollup, apart from its moment."""
    found = domain_is(chosen.domain) if chosen.domain else Q()
    for attribute, column in _KEY.items():
        if value := getattr(chosen, attribute):
            found &= Q(**{column: value})
    return found


def of_row(row: Mapping[str, Any]) -> Figures:
    """The sums in a row of an aggregating query, whatever else the row holds."""
    return Figures(*(row[name] for name in SUMMED))


@dataclass(frozen=True, slots=True)
class Summary:
    """A stretch of time in sums; of each split the busiest come first."""

    total: Figures
    by_domain: dict[str, Figures]
    by_model: dict[str, Figures]
    by_type: dict[str, Figures]


def summary(span: Span, chosen: Filter = ALL) -> Summary:
    """All sums of a span, however long ago."""
    rows = [
        row for part in rollups(span, by_key(chosen)) for row in part.values(*_SPLITS).annotate(**AGGREGATES)
    ]
    parts = [(row, of_row(row)) for row in rows]
    splits = [_split((row[name], sums) for row, sums in parts) for name in _SPLITS]
    return Summary(together(sums for _, sums in parts), *splits)


@dataclass(frozen=True, slots=True)
class Tables:
    """Where the same sums are by hour and by day (of UTC)."""

    hours: type[Rollup | Breakdown]
    days: type[DayRollup | DayBreakdown]


ROLLUPS = Tables(Rollup, DayRollup)


def hours(span: Span, keys: Q, tables: Tables = ROLLUPS) -> QuerySet[Any]:
    """The sums of a span hour by hour."""
    rows = tables.hours._default_manager.filter(keys, hour__gte=span.since)
    return rows.filter(hour__lt=span.until) if span.until else rows


def rollups(span: Span, keys: Q, tables: Tables = ROLLUPS) -> list[QuerySet[Any]]:
    """The sums of a span: days (of UTC) where they are whole, hours before and after them."""
    whole, edges = days_in(span)
    parts = [hours(edge, keys, tables) for edge in edges]
    return (
        parts if whole is None else [tables.days._default_manager.filter(_HAS_ANYTHING, keys, whole), *parts]
    )


def days_in(span: Span) -> tuple[Q | None, list[Span]]:
    """The days (of UTC) that are whole in a span, None for none, and the hours before and after them."""
    first = span.since + -span.since.hour % 24 * HOUR
    last = span.until - span.until.hour * HOUR if span.until else None
    if last and last <= first:
        return None, [span]
    days = Q(day__gte=first.date())
    if last:
        days &= Q(day__lt=last.date())
    return days, [replace(span, until=first)] + ([replace(span, since=last)] if last else [])


def _split(parts: Iterable[tuple[str, Figures]]) -> dict[str, Figures]:
    groups: dict[str, list[Figures]] = defaultdict(list)
    for name, sums in parts:
        groups[name].append(sums)
    found = {name: together(sums) for name, sums in groups.items()}
    return dict(sorted(found.items(), key=lambda item: (-item[1].requests, -item[1].cost_usd, item[0])))


def together(parts: Iterable[Figures]) -> Figures:
    """The sum of sums."""
    return Figures(*map(sum, zip(*parts, strict=True)))
