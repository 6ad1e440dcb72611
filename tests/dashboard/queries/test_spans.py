"""The period of a filter as sums tell it: whole hours, and bars by the hour or the day."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from dashboard.filters.filter import Filter
from dashboard.queries.sums import figures, usage
from dashboard.queries.sums.breakdowns import DIMENSIONS
from dashboard.queries.sums.spans import Span, before, span_of
from tests import people

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 14, 40, tzinfo=UTC)


def at(day: int, hour: int = 0) -> datetime:
    return datetime(2026, 11, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("chosen", "since", "until", "name"),
    [
        (Filter(), at(19, 15), None, "last 24 hours"),
        (Filter(period="24h"), at(19, 15), None, "last 24 hours"),
        (Filter(period="1h"), at(20, 13), None, "last hour"),
        (Filter(period="7d"), at(13, 15), None, "last 7 days"),
        (Filter(period="today", zone="Europe/Berlin"), at(19, 23), None, "today"),
        (Filter(period="yesterday"), at(19), at(20), "yesterday"),
        (Filter(period="last-month"), datetime(2026, 10, 1, tzinfo=UTC), at(1), "last month"),
        (
            Filter(since=at(3, 5) + timedelta(minutes=20), until=at(3, 6) + timedelta(minutes=1)),
            at(3, 5),
            at(3, 7),
            "from 03 Nov 2026 05:20 to 03 Nov 2026 06:01",
        ),
        (
            Filter(since=at(3, 5), zone="Asia/Kathmandu"),
            at(3, 5),
            None,
            "from 03 Nov 2026 10:45",
        ),
    ],
)
def test_a_period_is_whole_hours_with_a_name(
    chosen: Filter, since: datetime, until: datetime | None, name: str
) -> None:
    span = span_of(chosen, NOW)

    assert (span.since, span.until, span.name) == (since, until, name)


def test_days_begin_in_the_reporting_zone_where_the_filter_names_none(settings: Any) -> None:
    settings.REPORTING_TIME_ZONE = "America/New_York"

    assert span_of(Filter(period="today"), NOW).since == at(20, 5)


def test_what_has_an_end_alone_begins_with_the_first_sums() -> None:
    people.make_exchange(at=at(2, 9))

    assert span_of(Filter(until=at(3)), NOW).since == at(2)


FIRST, LAST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 50, tzinfo=UTC)


@pytest.mark.parametrize("zone", ["", "America/New_York", "Pacific/Auckland"])
@pytest.mark.parametrize(
    ("chosen", "requests"),
    [
        (Filter(since=FIRST), 1),
        (Filter(until=FIRST), 0),
        (Filter(since=LAST), 0),
        (Filter(until=LAST), 1),
    ],
)
def test_the_ends_of_the_calendar_are_no_failure(chosen: Filter, requests: int, zone: str) -> None:
    people.make_exchange(at=at(2))
    span = span_of(replace(chosen, zone=zone), NOW)

    bars = usage.series_by(DIMENSIONS["domain"], [], usage.cut(span, NOW)).values()

    assert figures.summary(span).total.requests == requests
    assert sum(bar.requests for bar in usage.all_series(bars).values()) == requests


@pytest.mark.parametrize(
    ("span", "step", "bars"),
    [
        (Span(at(18, 15), None, Filter().local, ""), "hour", 48),
        (Span(at(18, 14), None, Filter().local, ""), "day", 3),
        (Span(at(1), at(8), Filter().local, ""), "day", 7),
        (Span(at(20), at(25), Filter().local, ""), "hour", 15),
    ],
)
def test_a_chart_has_hours_up_to_two_days_and_days_beyond(span: Span, step: str, bars: int) -> None:
    cut = usage.cut(span, NOW)

    assert (cut.step, len(cut.starts)) == (step, bars)


ZONES = ("UTC", "Europe/Berlin", "Asia/Kolkata", "America/Los_Angeles")


def test_bars_are_summed_up_to_the_sum_of_their_span() -> None:
    for hours in range(0, 70 * 24, 11):
        people.make_exchange(at=NOW - timedelta(hours=hours), input_tokens=hours + 1)
    for zone, days in product(ZONES, (1, 3, 40, 65, 400)):
        chosen = Filter(since=NOW - timedelta(days=days), until=NOW - timedelta(hours=10), zone=zone)
        span = span_of(chosen, NOW)

        cut = usage.cut(span, NOW)
        bars = usage.all_series(usage.series_by(DIMENSIONS["model"], [], cut, chosen).values())

        assert bars.keys() <= set(cut.starts)
        assert len(set(cut.starts)) == len(cut.starts) <= 72
        total = figures.summary(span, chosen).total
        assert total.requests
        assert sum(bar.input_tokens for bar in bars.values()) == total.input_tokens


def test_very_many_days_are_those_of_utc() -> None:
    people.make_exchange(at=NOW - timedelta(days=80))
    chosen = Filter(since=NOW - timedelta(days=100), zone="Asia/Kolkata")

    cut = usage.cut(span_of(chosen, NOW), NOW)

    assert str(cut.span.zone) == "UTC"
    assert len(cut.starts) == 81


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(since=datetime(9998, 1, 1, tzinfo=UTC)),
        Filter(since=at(25)),
        Filter(since=datetime(1, 1, 2, tzinfo=UTC), until=datetime(1, 1, 3, tzinfo=UTC)),
        Filter(since=datetime(1, 1, 2, tzinfo=UTC), until=datetime(9999, 12, 30, tzinfo=UTC)),
    ],
)
def test_any_period_has_a_period_before(chosen: Filter) -> None:
    span = span_of(chosen, NOW)

    earlier = before(span, chosen, NOW)

    assert earlier.until
    assert earlier.since < earlier.until <= span.since
