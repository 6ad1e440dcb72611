"""Numbers as people read them, charts and timelines as the server draws them."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.drawing.charts import Axis, ceiling, even_marks, stacked
from dashboard.drawing.lines import drawn
from dashboard.drawing.timeline import WIDTH, draw
from dashboard.filters.filter import Filter
from dashboard.pages.context import proxy_address
from dashboard.pages.time_axis import axis_of
from dashboard.queries.sums import spans, usage
from dashboard.templatetags import nexus
from proxy.store.models import Exchange

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, nexus.NOTHING),
        (0, "0"),
        (999, "999"),
        (1_000, "1.0K"),
        (1_234, "1.2K"),
        (999_960, "1.0M"),
        (3_400_000, "3.4M"),
        (2_100_000_000, "2.1B"),
    ],
)
def test_compact_numbers(value: int | None, text: str) -> None:
    assert nexus.compact(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, nexus.NOTHING),
        ("0", "$0.00"),
        ("0.00001", "<$0.0001"),
        ("0.01234", "$0.0123"),
        ("1", "$1.00"),
        ("1234.5", "$1,234.50"),
    ],
)
def test_money_never_looks_like_nothing(value: str | None, text: str) -> None:
    assert nexus.usd(None if value is None else Decimal(value)) == text


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [(None, nexus.NOTHING), (850, "850 ms"), (2_400, "2.4 s"), (192_000, "3m 12s"), (7_500_000, "2h 5m")],
)
def test_durations(milliseconds: float | None, text: str) -> None:
    assert nexus.duration(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "Just now"), (300, "5m ago"), (3 * 3600, "3h ago"), (3 * 24 * 3600, "17 Nov 15:30")],
)
def test_times_are_relative(seconds: int, text: str) -> None:
    assert nexus._relative(NOW - timedelta(seconds=seconds), NOW) == text


def test_the_exact_time_is_in_the_reporting_zone(settings: Any) -> None:
    settings.REPORTING_TIME_ZONE = "Asia/Kolkata"

    assert 'title="2026-11-20 21:00:00"' in nexus.ago(NOW)


def test_sizes_and_groups() -> None:
    assert (nexus.size(1536), nexus.size(None), nexus.grouped(1234567), nexus.grouped(None)) == (
        "1.5 KB", nexus.NOTHING, "1,234,567", nexus.NOTHING,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("host", "address"),
    [
        ("localhost:3001", "http://localhost:3000"),
        ("nexus.example", "http://nexus.example:3000"),
        ("[::1]:3001", "http://[::1]:3000"),
        ("", "http://localhost:3000"),
    ],
)
def test_the_proxys_address_stands_beside_the_dashboards(settings: Any, host: str, address: str) -> None:
    settings.PROXY_PORT = 3000

    assert proxy_address(host) == address


@pytest.mark.parametrize(
    ("zone", "start", "hours"),
    [
        ("UTC", datetime(2026, 11, 14, tzinfo=UTC), 168),
        ("Asia/Kolkata", datetime(2026, 11, 13, 18, tzinfo=UTC), 168),
        ("America/Los_Angeles", datetime(2026, 11, 14, 8, tzinfo=UTC), 168),
    ],
)
def test_a_week_begins_at_local_midnight(settings: Any, zone: str, start: datetime, hours: int) -> None:
    settings.REPORTING_TIME_ZONE = zone

    week = spans.week(Filter(), NOW)
    assert week.until
    axis = axis_of(usage.by_hours(week, week.until))

    assert (week.since, len(axis.bars)) == (start, hours)
    assert list(axis.marks) == ["Sat 14", "Sun 15", "Mon 16", "Tue 17", "Wed 18", "Thu 19", "Fri 20"]
    assert week.since <= NOW < week.until


def test_a_week_with_a_long_day_has_an_hour_more(settings: Any) -> None:
    settings.REPORTING_TIME_ZONE = "Europe/Berlin"

    week = spans.week(Filter(), datetime(2026, 10, 27, 12, tzinfo=UTC))
    assert week.until
    axis = axis_of(usage.by_hours(week, week.until))

    assert len(axis.bars) == 169
    assert list(axis.marks) == ["Wed 21", "Thu 22", "Fri 23", "Sat 24", "Sun 25", "Mon 26", "Tue 27"]


@pytest.mark.parametrize(
    ("count", "marks"),
    [(1, [0]), (3, [0, 1, 2]), (24, [0, 3, 6, 9, 12, 15, 18, 21]), (30, [0, 5, 10, 15, 20, 25])],
)
def test_marks_stand_at_even_distances(count: int, marks: list[int]) -> None:
    assert even_marks(count) == marks


@given(st.decimals(min_value="0.000001", max_value="1e12", allow_nan=False, places=6))
def test_the_top_of_a_chart_is_near_and_never_below(value: Decimal) -> None:
    assert value <= ceiling(value) <= value * 2 + Decimal("0.000002")


def test_bars_stack_from_the_bottom() -> None:
    hours = [datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in range(3)]
    axis = Axis(hours, [f"at {hour:%H:%M}" for hour in hours], ["00:00"])

    chart = stacked("Requests", {"a": {hours[1]: 6}, "b": {hours[1]: 2}}, axis, nexus.compact)

    assert re.findall(
        r'class="s(\d)" x="1.08" y="([\d.]+)" width="0.84" height="([\d.]+)"', chart.drawing
    ) == [
        ("0", "25.0", "75.0"),
        ("1", "0.0", "25.0"),
    ]
    assert "<title>at 01:00: 8\nb: 2\na: 6</title>" in chart.drawing
    assert chart.ticks == ["8", "4", "0"]
    assert chart.rows[0].cells == ["6", "2"]


def test_a_bar_and_its_line_lead_on_and_are_explained() -> None:
    axis = Axis([NOW], ["now"], [], ["/there?a=1&b=2"], ["/why"])

    chart = stacked("Requests", {"a": {NOW: 1}}, axis, nexus.compact)

    assert chart.drawing.startswith('<a class="bar" href="/there?a=1&amp;b=2"><title>')
    assert '<a class="only" href="/there?a=1&amp;b=2">now</a>' in chart.lines
    assert '<td><a href="/why">Explain</a></td>' in chart.lines


def test_a_chart_of_nothing_has_no_bars() -> None:
    chart = stacked("Requests", {}, Axis([NOW], ["now"], []), nexus.compact)

    assert (chart.drawing, chart.rows, chart.ticks[0], chart.explains) == ("", [], "1", False)


def test_a_line_goes_through_the_middles_of_its_bars_and_stops_at_gaps() -> None:
    hours = [datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in range(4)]
    axis = Axis(hours, [f"at {hour:%H:%M}" for hour in hours], [], ["/there"] * 4)

    chart = drawn("Time", {"p50": {hours[0]: 10, hours[1]: 100, hours[3]: 1000}}, ["50"], axis, str)

    assert '<path class="line l0" d="M0.5 100.00L1.5 50.00"/>' in chart.drawing
    assert '<path class="line dot l0" d="M3.5 0.00h0"/>' in chart.drawing
    assert chart.writing == ""
    assert chart.drawing.count("<a ") == 3
    assert chart.ticks == ["1000.0", "100.0", "10.0"]
    assert [row.cells for row in chart.rows] == [["1000"], ["100"], ["10"]]


def test_a_single_hour_is_a_dot_of_each_line_with_its_name_none_over_another() -> None:
    axis = Axis([NOW], ["now"], [])

    chart = drawn("Time", {"p50": {NOW: 100}, "p95": {NOW: 101}, "p99": {NOW: 1000}}, [""] * 3, axis, str)

    assert chart.drawing.count('class="line dot ') == 3
    assert re.findall(r">([^<]+)</text>", chart.writing) == ["p99 1000", "p95 101", "p50 100"]
    heights = [float(y) for y in re.findall(r'y="([\d.]+)%"', chart.writing)]
    assert all(below - above >= 13.9 for above, below in pairwise(heights))


def test_a_chart_over_time_says_where_its_bars_begin_and_end() -> None:
    hours = [datetime(2026, 11, 20, hour, tzinfo=UTC) for hour in range(2)]
    axis = Axis(hours, ["a", "b"], [], end=hours[1] + timedelta(hours=1), zone="Europe/Berlin")

    chart = stacked("Requests", {"a": {hours[1]: 6}}, axis, nexus.compact)

    first = int(hours[0].timestamp()) // 3600
    assert chart.edges == f"{first} {first + 1} {first + 2}"
    assert chart.zone == "Europe/Berlin"
    assert Axis(hours, ["a", "b"], []).edges == ""


def test_series_have_the_colours_that_they_are_given() -> None:
    chart = stacked("Cost", {"a": {NOW: 1}, "b": {NOW: 2}}, Axis([NOW], ["now"], []), nexus.compact, {"a": 5})

    assert [series.index for series in chart.series] == [5, 1]
    assert re.findall(r'<rect class="s(\d)"', chart.drawing) == ["5", "1"]


@given(st.lists(st.floats(0.5, 1e7), min_size=1, max_size=20))
def test_every_line_stays_inside_the_drawing(values: list[float]) -> None:
    hours = [NOW + timedelta(hours=index) for index in range(len(values))]

    chart = drawn(
        "Time", {"p50": dict(zip(hours, values, strict=True))}, [""], Axis(hours, ["x"] * len(hours), []), str
    )

    heights = [float(y) for y in re.findall(r"[ML][\d.]+ ([\d.-]+)", chart.drawing)]
    assert len(heights) == len(values)
    assert all(0 <= y <= 100 for y in heights)


def test_nothing_came_so_nothing_is_drawn() -> None:
    assert draw([], 100) is None


def test_a_timeline_tells_its_facts() -> None:
    line = draw([(100, 10), (150, 20), (1650, 5), (1700, 5)], 2000)

    assert line is not None
    assert (line.fragments, line.first_ms, line.last_ms, line.longest_silence_ms, line.median_gap_ms) == (
        4,
        100,
        1700,
        1500,
        50,
    )
    assert [(gap.x, gap.width, gap.title) for gap in line.silences] == [(75.0, 750.0, "1.5 s without a byte")]


def test_one_piece_has_no_gaps() -> None:
    line = draw([(0.0, 0)], 0)

    assert line is not None
    assert (line.median_gap_ms, line.end_ms) == (0.0, 1.0)


@given(
    st.lists(st.tuples(st.floats(0, 1e6), st.integers(0, 10**6)), min_size=1, max_size=300), st.floats(0, 1e6)
)
def test_every_piece_stays_inside_the_drawing(chunks: list[tuple[float, int]], duration: float) -> None:
    line = draw(sorted(chunks), duration)

    assert line is not None
    assert all(0 <= item.x < WIDTH and item.y >= 0 and item.y + item.height <= 60.01 for item in line.bins)
    assert len(line.bins) <= 250


def test_all_tokens_of_a_row_are_named_as_far_as_they_are_known() -> None:
    row = Exchange(input_tokens=1234, output_tokens=5, cache_read_tokens=0)

    assert nexus.tokens(row) == "1,234 input, 5 output, 0 cache read"
    assert nexus.tokens(Exchange()) == ""
