"""Percentiles merged from histograms: near those of the requests themselves, and for each bar its own."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client

from tests import people

NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)
PERIOD = "from=2026-11-20T00:00Z&to=2026-11-21T00:00Z"

pytestmark = pytest.mark.django_db


@pytest.fixture
def streams() -> None:
    """Of one model nine fast ones at noon, of another a slow one six hours later."""
    for number in range(9):
        people.make_exchange(
            at=NOON, streamed=True, duration_ms=1100 + number, first_byte_ms=100, output_tokens=100
        )
    people.make_exchange(
        at=NOON + timedelta(hours=6),
        model="claude-opus-4-1",
        streamed=True,
        duration_ms=101_000,
        first_byte_ms=1000,
        output_tokens=1000,
    )


def asked(program: Client, query: str = "") -> Any:
    response = program.get(f"/api/performance?{PERIOD}{query}")
    assert response.status_code == 200, response.content
    return response.json()


def near(found: float, true: float) -> bool:
    return true / 1.5 <= found <= true * 1.5


@pytest.mark.usefixtures("streams")
def test_percentiles_are_near_those_of_the_requests(program: Client) -> None:
    total = asked(program)["total"]

    assert [total[name]["count"] for name in ("durationMs", "firstByteMs", "tokensPerSecond")] == [10, 10, 10]
    assert near(total["durationMs"]["p50"], 1100)
    assert near(total["durationMs"]["p99"], 101_000)
    assert near(total["firstByteMs"]["p50"], 100)
    assert near(total["tokensPerSecond"]["p50"], 100)


@pytest.mark.usefixtures("streams")
def test_each_model_and_each_bar_has_its_own(program: Client) -> None:
    report = asked(program)

    fast, slow = report["rows"]
    assert (fast["key"], slow["key"]) == ("claude-sonnet-4-5", "claude-opus-4-1")
    assert near(slow["tokensPerSecond"]["p50"], 10)
    noon, evening = report["points"]
    assert (noon["at"], evening["at"]) == ("2026-11-20T12:00:00Z", "2026-11-20T18:00:00Z")
    assert near(evening["firstByteMs"]["p95"], 1000)


@pytest.mark.usefixtures("streams")
def test_days_and_hours_say_the_same(program: Client) -> None:
    whole = program.get("/api/performance?from=2026-11-10T00:00Z&to=2026-11-25T00:00Z").json()

    assert whole["step"] == "day"
    assert whole["total"] == asked(program)["total"]


def test_nothing_has_no_percentiles(program: Client) -> None:
    report = asked(program, "&by=domain&model=unheard-of")

    assert (report["rows"], report["points"]) == ([], [])
    assert report["total"]["durationMs"] == {"count": 0, "p50": None, "p95": None, "p99": None}
