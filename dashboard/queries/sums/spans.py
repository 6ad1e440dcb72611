"""The period of a filter as sums can tell it: whole hours of UTC, under the name that people give it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from django.db.models import Min

from dashboard.filters import periods
from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from proxy.store.models import DayRollup

HOUR = timedelta(hours=1)
WEEK_DAYS = 7
# The hour that runs has only begun: alone it is no "last hour".
FEWEST_HOURS = 2
# There are no sums outside of these, and near the ends of the calendar no hour can be added and no zone be asked.
EARLIEST, LATEST = datetime(1970, 1, 2, tzinfo=UTC), datetime(9000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """Whole hours from `since` up to `until`, where the next begins, both in UTC; `until` is None where it goes on.

    `zone` is where its days begin, `name` how people call it within a sentence.
    """

    since: datetime
    until: datetime | None
    zone: ZoneInfo
    name: str

    def end(self, now: datetime) -> datetime:
        """Where a chart of it ends: no later than the hour that runs."""
        running = hour_of(now) + HOUR
        return min(self.until, running) if self.until else running


def hour_of(moment: datetime) -> datetime:
    """The start of the hour in UTC: what a rollup can answer for."""
    # In the very zone object that Django's hours have: between others each comparison asks both zones for their offset.
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def span_of(chosen: Filter, now: datetime) -> Span:
    """What a filter asks for, the last 24 hours without a period.

    A span of hours or days is that many hours up to the present one, so that a figure of `24h` holds 24 of them.
    """
    chosen = chosen.in_period("24h")
    bounds = chosen.bounds(now)
    if chosen.period in periods.SPANS:
        hours = max(FEWEST_HOURS, periods.SPANS[chosen.period] // HOUR)
        since = hour_of(now) - (hours - 1) * HOUR
    else:
        since = hour_of(_within(bounds.since)) if bounds.since else first_hour() or hour_of(now)
    return Span(since, _next_hour(bounds.until), chosen.local, _name(chosen))


def week(chosen: Filter, now: datetime) -> Span:
    """Today and the six days before it, by the calendar, because a day can have 23 or 25 hours."""
    today = now.astimezone(chosen.local).date()
    since, until = (_midnight(today + timedelta(days=days), chosen.local) for days in (1 - WEEK_DAYS, 1))
    return Span(hour_of(since), hour_of(until), chosen.local, "7 days")


def before(span: Span, chosen: Filter, now: datetime) -> Span:
    """The same stretch a period earlier: of the day before, of the month before, else as many hours as it has."""
    # What has not begun yet has no length; near the ends of the calendar there would be no moment so long before.
    length = max(span.end(now) - span.since, HOUR)
    start = span.since.astimezone(chosen.local)
    match chosen.period:
        case "today" | "yesterday":
            since = _midnight(start.date() - timedelta(days=1), chosen.local)
        case "month" | "last-month":
            since = _midnight((start.replace(day=1) - timedelta(days=1)).date().replace(day=1), chosen.local)
        case _:
            since = span.since - length
    since = hour_of(since)
    return Span(since, min(since + length, span.since), span.zone, "the period before")


def first_hour() -> datetime | None:
    """The first day that has sums, None while there are none."""
    day: date | None = narrowed.rows(DayRollup).aggregate(first=Min("day"))["first"]
    return _midnight(day, ZoneInfo("UTC")).astimezone(UTC) if day else None


def _next_hour(until: datetime | None) -> datetime | None:
    """Up: the hour that has begun belongs to it."""
    if until is None:
        return None
    hour = hour_of(_within(until))
    return hour if hour == until else hour + HOUR


def _within(moment: datetime) -> datetime:
    return min(max(moment, EARLIEST), LATEST)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), zone)


def _name(chosen: Filter) -> str:
    if chosen.period:
        words = periods.NAMES[chosen.period]
        return words[0].lower() + words[1:]
    moments = {
        word: f"{_within(moment).astimezone(chosen.local):%d %b %Y %H:%M}"
        for word, moment in (("from", chosen.since), ("to", chosen.until))
        if moment
    }
    return " ".join(f"{word} {moment}" for word, moment in moments.items())
