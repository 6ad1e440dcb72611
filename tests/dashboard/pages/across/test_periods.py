"""The period of the overview and of usage: figures, charts and words follow it, and are those of the API."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from tests import people
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db
PERIODS = (
    "",
    "period=1h",
    "period=24h",
    "period=yesterday",
    "period=7d",
    "period=30d&zone=Asia/Kolkata",
    "period=last-month&zone=America/New_York",
    "from=2026-01-01T00:00Z",
    "from=2026-01-01T00:00Z&to=2026-02-01T00:00Z",
    "to=2026-02-01T00:00Z&model=model-b",
)


@pytest.fixture
def stored() -> None:
    """An exchange now and then for two months, and some of last January."""
    for hours in [0, 1, 5, 26, 30, 75, 170, 800, 1400]:
        people.make_exchange(at=people.hours_ago(hours), domain=f"{hours % 3}.example")
    for day in (1, 31):
        people.make_exchange(at=datetime(2026, 1, day, 12, tzinfo=UTC), model="model-b")


def requests_of(page: str) -> int:
    [shown] = re.findall(r'title="([\d,]+) requests"', page) or ["0"]
    return int(shown.replace(",", ""))


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("query", PERIODS)
def test_a_period_has_the_same_figures_everywhere(signed_in: Client, program: Client, query: str) -> None:
    stats: Any = program.get(f"/api/stats?{query}").json()

    overview = text(signed_in, f"/dashboard?{query}")

    assert requests_of(overview) == stats["totalRequests"]
    assert f" of {stats['totalRequests']:,} requests" in overview
    if query:
        assert requests_of(text(signed_in, f"/dashboard/usage?{query}")) == stats["totalRequests"]


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize(
    ("query", "words", "step"),
    [
        ("", "7 days, hour by hour, UTC", "hour"),
        ("period=24h", "Last 24 hours, hour by hour, UTC", "hour"),
        ("period=7d", "Last 7 days, day by day, UTC", "day"),
        ("period=30d&zone=Asia/Kolkata", "Last 30 days, day by day, Asia/Kolkata", "day"),
        (
            "from=2026-01-01T00:00Z&to=2026-02-01T00:00Z&zone=Europe/Berlin",
            "From 01 Jan 2026 01:00 to 01 Feb 2026 01:00, day by day, Europe/Berlin",
            "day",
        ),
        ("from=2026-01-01T00:00Z&zone=Europe/Berlin", "From 01 Jan 2026 01:00, day by day, UTC", "day"),
    ],
)
def test_usage_says_its_period_its_bars_and_its_zone(
    signed_in: Client, query: str, words: str, step: str
) -> None:
    page = text(signed_in, f"/dashboard/usage?{query}")

    assert f'<span class="dim">{words}</span>' in page
    assert f'aria-label="{words.partition(", ")[0]}"' in page
    assert f"Requests per {step} by model" in page
    assert f'<th scope="col">{step.title()}</th>' in page


@pytest.mark.usefixtures("stored")
def test_the_overview_says_its_period(signed_in: Client) -> None:
    assert 'class="cards six" aria-label="Last 24 hours"' in text(signed_in, "/dashboard")
    assert 'class="cards six" aria-label="Last month"' in text(signed_in, "/dashboard?period=last-month")


@pytest.mark.parametrize(("path", "unset"), [("", "Last 24 hours"), ("/usage", "7 days by hour")])
def test_the_picker_names_what_a_page_shows_without_a_period(
    signed_in: Client, path: str, unset: str
) -> None:
    page = text(signed_in, f"/dashboard{path}")

    assert f'<option value="">{unset}</option>' in page
    assert page.count(f">{unset}</option>") == 1


def test_what_is_read_again_and_what_is_linked_has_the_whole_filter(signed_in: Client) -> None:
    people.make_exchange(model="model-a")
    query = "period=7d&amp;model=model-a"

    overview = text(signed_in, "/dashboard?period=7d&model=model-a")
    usage = text(signed_in, "/dashboard/usage?period=7d&model=model-a")

    assert f'data-socket="/ws/live?{query}"' in overview
    assert re.search(rf'hx-get="/dashboard[^"]*\?{query}"', overview)
    assert f'id="all-requests" href="/dashboard/requests?{query}"' in overview
    assert f'href="?{query}&amp;by=domain"' in usage


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/usage", "/dashboard/requests"])
def test_nothing_in_a_period_is_no_first_visit(signed_in: Client, path: str) -> None:
    page = text(signed_in, f"{path}?period=yesterday")

    assert f'Nothing stored fits these filters. <a href="{path}">Show all</a>' in page
    assert "No traffic yet" not in page


@pytest.mark.usefixtures("stored")
@pytest.mark.parametrize("path", ["usage", "explain", "performance"])
@pytest.mark.parametrize(
    "query",
    [
        *PERIODS,
        "from=9998-01-01T00:00Z",
        "from=0001-01-02T00:00Z&to=9999-12-30T00:00Z",
        "period=today&zone=Pacific/Kiritimati",
    ],
)
def test_pages_of_sums_take_any_period(signed_in: Client, path: str, query: str) -> None:
    page = text(signed_in, f"/dashboard/{path}?{query}")

    assert "Not used of this address" not in page
