"""Percentiles of a period, merged from histograms: for each value of a dimension of the rollups, and bar by bar."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import BigIntegerField, QuerySet, Sum
from django.db.models.functions import Cast

from dashboard.filters.filter import Filter
from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.figures import rollups
from dashboard.queries.sums.spans import Span
from dashboard.queries.sums.usage import Cut, rows_of, start_of
from proxy.histograms import HISTOGRAMS, Histogram

SHARES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


@dataclass(frozen=True, slots=True)
class Spread:
    """How a histogram's counts lie: how many there are, and the value below which each of SHARES lies, None without any."""

    count: int
    values: Mapping[str, float | None]


Spreads = Mapping[str, Spread]
_Counts = dict[str, list[int]]


def by_value(by: By, span: Span, chosen: Filter) -> dict[str, Spreads]:
    """For each value of a dimension of the rollups the spreads by the name of their histogram."""
    found: defaultdict[Hashable, list[_Counts]] = defaultdict(list)
    for part in rollups(span, by.keys(chosen)):
        for row in _counted(part, by.column):
            found[row[by.column]].append(_counts_of(row))
    return {str(value): _spreads(parts) for value, parts in found.items()}


def together(span: Span, chosen: Filter, by: By) -> Spreads:
    """Of all that the filter has."""
    return _spreads(_counts_of(row) for part in rollups(span, by.keys(chosen)) for row in _counted(part))


def over_time(by: By, chart: Cut, chosen: Filter) -> dict[datetime, Spreads]:
    """The same for each bar that has any."""
    return {bar: _spreads(parts) for bar, parts in _by_bar(by, chart, chosen).items()}


def over_time_and_together(by: By, chart: Cut, chosen: Filter) -> tuple[dict[datetime, Spreads], Spreads]:
    """Both from one look at the rows."""
    found = _by_bar(by, chart, chosen)
    whole = _spreads(part for parts in found.values() for part in parts)
    return {bar: _spreads(parts) for bar, parts in found.items()}, whole


def _by_bar(by: By, chart: Cut, chosen: Filter) -> dict[datetime, list[_Counts]]:
    """In the order of time."""
    found: defaultdict[datetime, list[_Counts]] = defaultdict(list)
    for part in rows_of(by, chart, chosen):
        moment = "day" if part.model is by.tables.days else "hour"
        for row in _counted(part, moment):
            found[chart.starts[max(0, bisect_right(chart.starts, start_of(row[moment])) - 1)]].append(
                _counts_of(row)
            )
    return dict(sorted(found.items()))


def _counted(rows: QuerySet[Any], *key: str) -> Iterable[dict[str, Any]]:
    rows = rows.order_by()
    return rows.values(*key).annotate(**_SUMS) if key else [rows.aggregate(**_SUMS)]


# Bucket by bucket: PostgreSQL has no sum of arrays.
_SUMS = {
    f"{histogram.name}_{place}": Cast(Sum(f"{histogram.name}__{place}", default=0), BigIntegerField())
    for histogram in HISTOGRAMS
    for place in range(histogram.buckets)
}


def _counts_of(row: Mapping[str, Any]) -> _Counts:
    return {
        histogram.name: [row[f"{histogram.name}_{place}"] for place in range(histogram.buckets)]
        for histogram in HISTOGRAMS
    }


def _spreads(parts: Iterable[_Counts]) -> Spreads:
    kept = list(parts)
    return {
        histogram.name: _spread(histogram, [part[histogram.name] for part in kept])
        for histogram in HISTOGRAMS
    }


def _spread(histogram: Histogram, parts: list[list[int]]) -> Spread:
    counts = [sum(each) for each in zip(*parts, strict=True)]
    return Spread(sum(counts), {name: histogram.percentile(counts, share) for name, share in SHARES.items()})
