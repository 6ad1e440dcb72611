"""What charts show of a span: hour by hour or day by day, from the rollups alone."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from operator import sub
from typing import Any, Literal
from zoneinfo import ZoneInfo

from django.db.models import Case, F, QuerySet, Value, When

from dashboard.filters.filter import Filter
from dashboard.queries.sums import conversation_hours
from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.figures import AGGREGATES, ALL, Figures, hours, rollups, together
from dashboard.queries.sums.spans import HOUR, Span, first_hour, hour_of
from proxy.metrics import BILLED

HOURLY_UP_TO = timedelta(days=2)
# Days of another zone are put together of hours, which takes twenty times as long as to read those of UTC.
LOCAL_DAYS_UP_TO = timedelta(days=32)
NAMED_SERIES = 6
OTHERS = "everything else"
# A week has tens of thousands of rollups: each sum more is to be seen.
_CHARTED = {name: AGGREGATES[name] for name in ("requests", *BILLED)}


@dataclass(frozen=True, slots=True)
class Cut:
    """A span in the bars of a chart: `starts` are their moments in UTC, up to `end`; days begin in the zone of the span."""

    span: Span
    step: Literal["hour", "day"]
    starts: list[datetime]
    end: datetime

    def days(self) -> list[datetime]:
        """A local moment of the day in which each bar begins."""
        return [_within_day(start, self.span.zone) for start in self.starts]


def by_hours(span: Span, end: datetime) -> Cut:
    """However long it is."""
    count = max(1, (end - span.since) // HOUR)
    return Cut(span, "hour", [span.since + index * HOUR for index in range(count)], end)


def cut(span: Span, now: datetime) -> Cut:
    """By hours up to two days, else by days: from the first that has sums, and those of UTC where there are very many."""
    if span.end(now) - span.since <= HOURLY_UP_TO:
        return by_hours(span, span.end(now))
    if span.end(now) - span.since > LOCAL_DAYS_UP_TO:
        since = max(span.since, min(first_hour() or now, hour_of(now)))
        span = replace(span, since=since, zone=ZoneInfo("UTC"))
    day, end = _within_day(span.since, span.zone).date(), span.end(now)
    starts = [span.since]
    while (start := _midnight(day := day + timedelta(days=1), span.zone)) < end:
        starts.append(start)
    return Cut(span, "day", starts, end)


def _within_day(start: datetime, zone: ZoneInfo) -> datetime:
    """Where a day begins within an hour of UTC, its first bar begins a little before it."""
    return (start + timedelta(minutes=59)).astimezone(zone)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Cut down to a whole hour of UTC, as rollups are."""
    return hour_of(datetime.combine(day, time(), zone))


def series_by(
    by: By, names: Sequence[str], chart: Cut, chosen: Filter = ALL
) -> dict[str, dict[datetime, Figures]]:
    """What charts show of each bar, for each of the first few `names` of a dimension; the rest is one series, OTHERS."""
    if by.of_conversations:
        return _series_of_conversations(by, names[:NAMED_SERIES], chart, chosen)
    named = Case(When(**{f"{by.column}__in": names[:NAMED_SERIES]}, then=F(by.column)), default=Value(OTHERS))
    series: dict[str, dict[datetime, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    for part in rows_of(by, chart, chosen):
        moment = "day" if part.model is by.tables.days else "hour"
        rows = part.annotate(series=named).values(moment, "series").annotate(**_CHARTED)
        for at, name, *sums in rows.values_list(moment, "series", *_CHARTED):
            series[name][_bar(chart, start_of(at))].append(Figures(**dict(zip(_CHARTED, sums, strict=True))))
    return {name: _each_together(bars) for name, bars in series.items()}


def _series_of_conversations(
    by: By, names: Sequence[str], chart: Cut, chosen: Filter
) -> dict[str, dict[datetime, Figures]]:
    found, all_hours = conversation_hours.by_hour(by.of_conversations, chart.span, chosen, names, _CHARTED)
    series = {name: _in_bars(chart, hours) for name, hours in found.items()}
    named = all_series(series.values())
    others = {
        bar: Figures(*map(sub, sums, named.get(bar, Figures())))
        for bar, sums in _in_bars(chart, all_hours).items()
    }
    return series | ({OTHERS: others} if any(sums.requests for sums in others.values()) else {})


def _in_bars(chart: Cut, hours: Mapping[datetime, Figures]) -> dict[datetime, Figures]:
    parts: dict[datetime, list[Figures]] = defaultdict(list)
    for hour, sums in hours.items():
        parts[_bar(chart, hour)].append(sums)
    return _each_together(parts)


def _bar(chart: Cut, moment: datetime) -> datetime:
    return chart.starts[max(0, bisect_right(chart.starts, moment) - 1)]


def rows_of(by: By, chart: Cut, chosen: Filter) -> list[QuerySet[Any]]:
    """Days where all bars are whole days of UTC, as days of sums are."""
    keys = by.keys(chosen)
    is_utc = chart.step == "day" and not any(start.hour for start in chart.starts[1:])
    return rollups(chart.span, keys, by.tables) if is_utc else [hours(chart.span, keys, by.tables)]


def start_of(at: datetime | date) -> datetime:
    """The moment of an hour's or a day's row."""
    return at if isinstance(at, datetime) else datetime.combine(at, time(), UTC)


def all_series(series: Iterable[Mapping[datetime, Figures]]) -> dict[datetime, Figures]:
    """All series together."""
    parts: dict[datetime, list[Figures]] = defaultdict(list)
    for value in series:
        for bar, sums in value.items():
            parts[bar].append(sums)
    return _each_together(parts)


def _each_together(parts: Mapping[datetime, list[Figures]]) -> dict[datetime, Figures]:
    """In the order of time."""
    return {bar: together(sums) if len(sums) > 1 else sums[0] for bar, sums in sorted(parts.items())}
