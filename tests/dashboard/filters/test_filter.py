"""The one filter: parsing and printing are inverse, and what cannot be used is refused by name."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.filters import periods
from dashboard.filters.filter import BY_NAME, CLASSES, Filter, FilterError, parse
from proxy.record import OUTCOMES

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=60).map(str.strip)
MOMENTS = st.datetimes(datetime(1, 1, 2), datetime(9998, 1, 1), timezones=st.just(UTC))
NUMBERS = st.none() | st.integers(0, 2**31 - 1)


@st.composite
def filters(draw: st.DrawFn) -> Filter:
    named = draw(st.booleans())
    since, until = sorted(draw(st.lists(MOMENTS, min_size=2, max_size=2, unique=True)))
    return Filter(
        period=draw(st.sampled_from(list(periods.NAMES))) if named else "",
        since=None if named else draw(st.sampled_from([None, since])),
        until=None if named else draw(st.sampled_from([None, until])),
        zone=draw(st.sampled_from(["", "Europe/Berlin", "Asia/Kathmandu"])),
        domain=draw(WORDS.map(str.lower).map(str.strip).filter(lambda word: word == word.lower())),
        **{name: draw(WORDS) for name in WORD_FIELDS},
        outcome=draw(st.sampled_from(["", *OUTCOMES])),
        status=draw(st.sampled_from(["", *CLASSES]) | st.integers(0, 999).map(str)),
        min_cost_usd=draw(st.none() | st.decimals(0, 10**9, places=9).map(Decimal.normalize)),
        min_duration_ms=draw(NUMBERS),
        min_first_byte_ms=draw(NUMBERS),
    )


WORD_FIELDS = (
    *("model", "account", "client_key", "person", "session", "agent"),
    *("type", "error_type", "stop_reason", "tool"),
)


@given(filters())
def test_what_is_printed_is_parsed_as_the_same(made: Filter) -> None:
    assert parse(parse_qs(made.to_query(), keep_blank_values=True)) == made


@given(filters(), st.sampled_from(list(BY_NAME)))
def test_without_a_part_the_others_stay(made: Filter, name: str) -> None:
    assert made.without(name).given() == {key: value for key, value in made.given().items() if key != name}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("colour=red", "colour: there is no such filter; there are period, from"),
        ("q=secret", "q: texts are searched at /dashboard/search"),
        ("model=a&model=b", "model: it is given 2 times"),
        ("status=99999", "status: it is no whole number from 0 to 999"),
        ("status=9xx", "status: it is no whole number"),
        ("outcome=fine", "outcome: it is none of complete"),
        ("period=fortnight", "period: it is none of 1h"),
        ("zone=Mars/Olympus", "zone: it is no time zone"),
        ("zone=../../etc/passwd", "zone: it is no time zone"),
        ("from=yesterday", "from: it is no moment"),
        ("from=2026-11-29&to=2026-11-28", "to: it is not after from"),
        ("period=24h&from=2026-11-29", "period: give it, or from and to"),
        ("minCostUsd=lots", "minCostUsd: it is no amount"),
        ("minCostUsd=NaN", "minCostUsd: it is no amount"),
        ("minCostUsd=-1", "minCostUsd: it is no amount"),
        ("minDurationMs=1e3", "minDurationMs: it is no whole number"),
        (f"person={'x' * 301}", "person: it is longer than 300 characters"),
    ],
)
def test_what_cannot_be_used_is_refused_by_its_name(query: str, words: str) -> None:
    with pytest.raises(FilterError) as refused:
        parse(parse_qs(query))

    assert str(refused.value).startswith(words)
    assert refused.value.name == words.partition(":")[0]


def test_other_parameters_of_an_address_are_no_filter() -> None:
    assert parse({"limit": ["5"], "model": ["opus"]}, others=("limit",)) == Filter(model="opus")


NOW = datetime(2026, 3, 1, 0, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "zone", "since", "until"),
    [
        ("1h", "", NOW - timedelta(hours=1), None),
        ("today", "", datetime(2026, 3, 1, tzinfo=UTC), None),
        ("today", "America/New_York", datetime(2026, 2, 28, 5, tzinfo=UTC), None),
        (
            "yesterday",
            "Europe/Berlin",
            datetime(2026, 2, 27, 23, tzinfo=UTC),
            datetime(2026, 2, 28, 23, tzinfo=UTC),
        ),
        ("month", "America/New_York", datetime(2026, 2, 1, 5, tzinfo=UTC), None),
        ("last-month", "", datetime(2026, 2, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
    ],
)
def test_days_and_months_begin_at_midnight_where_the_reader_is(
    name: str, zone: str, since: datetime, until: datetime | None
) -> None:
    found = Filter(period=name, zone=zone).bounds(NOW)

    assert (found.since, found.until) == (since, until)


def test_a_day_of_a_change_of_clocks_has_its_hours() -> None:
    found = Filter(period="yesterday", zone="Europe/Berlin").bounds(datetime(2026, 10, 26, 12, tzinfo=UTC))

    assert found.since
    assert found.until
    assert found.until - found.since == timedelta(hours=25)
