"""The lists of a filter say how many requests each value has in the period."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.sums.counts import MOST_VALUES, counts
from dashboard.queries.sums.spans import Span
from tests import people
from tests.accounts.people import make_client_key
from tests.dashboard.pages.shown import text
from tests.plans import statements_of

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 14, tzinfo=UTC)


def span(days: float, until: datetime | None = None) -> Span:
    return Span(NOW - timedelta(days=days), until, Filter().local, "")


def test_values_are_counted_in_hours_and_days_alike() -> None:
    for hours, model in [(1, "a"), (2, "a"), (20, "b"), (40, "a"), (100, "c")]:
        people.make_exchange(at=NOW - timedelta(hours=hours), model=model, account="x", request_type="quota")

    assert counts(span(0.5)) == {
        "domain": {"api.example.com": 2},
        "model": {"a": 2},
        "account": {"x": 2},
        "type": {"quota": 2},
    }
    assert list(counts(span(5))["model"].items()) == [("a", 3), ("b", 1), ("c", 1)]
    assert counts(span(5, NOW - timedelta(hours=24)))["model"] == {"a": 1, "c": 1}
    assert counts(span(0)) == {}


def test_no_more_values_are_listed_than_a_person_reads() -> None:
    for index in range(MOST_VALUES + 3):
        people.make_exchange(at=NOW, model=f"model-{index}")
    people.make_exchange(at=NOW, model="model-202")

    listed = counts(span(1))["model"]

    assert len(listed) == MOST_VALUES
    assert next(iter(listed.items())) == ("model-202", 2)


def test_counting_asks_sums_alone_and_once() -> None:
    people.make_exchange(at=NOW)

    [statement] = statements_of(lambda: counts(span(30)))

    assert statement.scans == []
    assert "proxy_exchange" not in statement.sql


def options(page: str, name: str) -> list[tuple[str, str]]:
    [found] = re.findall(
        rf'<(?:select|datalist) id="(?:filter|list)-{name}".*?</(?:select|datalist)>', page, re.DOTALL
    )
    return re.findall(
        r'<option value="([^"]*)"(?: selected)?>([^<]*)</option>', page[page.index(found) :][: len(found)]
    )


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/usage", "/dashboard/requests"])
def test_lists_follow_the_period_and_nothing_else(signed_in: Client, path: str) -> None:
    now = timezone.now()
    for days, domain in [(0, "a.example"), (0, "b.example"), (40, "a.example")]:
        people.make_exchange(
            at=now - timedelta(days=days), domain=domain, model=f"m-{domain}", account="team"
        )

    page = text(signed_in, f"{path}?model=m-a.example")
    longer = text(signed_in, f"{path}?from={now - timedelta(days=50):%Y-%m-%d}")

    assert options(page, "model") == [
        ("", "Any"),
        ("m-a.example", "m-a.example (1)"),
        ("m-b.example", "m-b.example (1)"),
    ]
    assert options(page, "account") == [("", "Any"), ("team", "team (2)")]
    assert ("a.example", "a.example (1)") in options(page, "domain")
    assert f"In brackets: requests, last {'24 hours' if path == '/dashboard' else '7 days'}." in page
    assert options(longer, "domain")[0] == ("a.example", "a.example (2)")


def test_a_value_without_requests_stays_chosen(signed_in: Client) -> None:
    people.make_exchange(model="m-1")

    page = text(signed_in, "/dashboard/requests?model=m-2&period=24h")

    assert '<option value="m-2" selected>m-2</option>' in page
    assert '<option value="24h" selected>Last 24 hours</option>' in page
    assert '<option value="24h" selected>Last 24 hours</option>' in text(signed_in, "/dashboard?period=24h")


def test_client_keys_are_suggested_without_counts(signed_in: Client) -> None:
    make_client_key(name="laptop")

    assert options(text(signed_in, "/dashboard/requests"), "clientKey") == [("laptop", "")]
