"""Sums are filtered by what rollups are kept by, and by whole hours of a period."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from tests import people

pytestmark = pytest.mark.django_db

NOW = timezone.now().replace(minute=30, second=0, microsecond=0)
DAY = NOW.replace(hour=0, minute=0)


@pytest.fixture
def stored() -> None:
    """One exchange each: now, yesterday at noon, three days ago at two, forty days ago."""
    made: list[tuple[datetime, dict[str, Any]]] = [
        (NOW, {"model": "claude-opus-5-5"}),
        (DAY - timedelta(hours=12), {"account": "an-account"}),
        (DAY - timedelta(days=3) + timedelta(hours=2), {"request_type": "count_tokens"}),
        (DAY - timedelta(days=40), {"domain": "b.example.com"}),
    ]
    for at, fields in made:
        people.make_exchange(at=at, **fields)


def requests(program: Client, query: str) -> Any:
    response = program.get(f"/api/stats?{query}")
    assert response.status_code == 200, response.content
    return response.json()["totalRequests"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("period=30d", 3),
        ("period=yesterday", 1),
        ("from=2020-01-01", 4),
        ("since=2020-01-01", 4),
        ("from=2020-01-01&domain=b.exam", 1),
        ("from=2020-01-01&model=claude-opus-5-5", 1),
        ("from=2020-01-01&account=an-account", 1),
        ("from=2020-01-01&type=count_tokens", 1),
        ("from=2020-01-01&type=count_tokens&model=claude-opus-5-5", 0),
    ],
)
def test_sums_are_those_of_the_filter(program: Client, query: str, count: int) -> None:
    assert requests(program, query) == count


@pytest.mark.usefixtures("stored")
def test_a_period_ends_where_it_says_in_hours_and_in_days(program: Client) -> None:
    third = DAY - timedelta(days=3)

    def between(since: datetime, until: datetime) -> Any:
        return requests(program, f"from={since:%Y-%m-%dT%H:%MZ}&to={until:%Y-%m-%dT%H:%MZ}")

    assert between(third + timedelta(hours=1), third + timedelta(hours=2)) == 0
    assert between(third + timedelta(hours=1), third + timedelta(hours=3)) == 1
    assert between(third - timedelta(days=2), third) == 0
    assert between(third - timedelta(days=2), third + timedelta(hours=3)) == 1
    assert between(third - timedelta(days=2, hours=5), DAY) == 2
    assert between(datetime(2020, 1, 1, tzinfo=UTC), third) == 1


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("since=2026-01-01&from=2026-01-02", "since: it is given 2 times"),
        ("tool=Bash", "tool: there is no such parameter here."),
        ("period=24h&since=2026-01-01", "period: give it, or from and to"),
    ],
)
def test_what_sums_cannot_be_filtered_by_is_refused(program: Client, query: str, words: str) -> None:
    response = program.get(f"/api/stats?{query}")

    assert response.status_code == 422
    assert response.json()["error"]["message"].startswith(words)
