"""Every cost says how far it can be trusted, and a model without a price is not overlooked."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.sums import figures, spans, usage
from dashboard.queries.sums.breakdowns import DIMENSIONS
from proxy.store.models import Price, UnpricedModel
from tests import people
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def text(client: Client, path: str) -> str:
    return client.get(path).content.decode()


@as_owner()
def unpriced(*models: str) -> None:
    for model in models:
        UnpricedModel.objects.create(model=model, first_seen=timezone.now(), exchange_id=people.make_id())
        people.make_exchange(model=model, cost_state="unpriced", cost_usd=None)


def test_the_overview_names_the_models_without_a_price_and_what_to_do(signed_in: Client) -> None:
    unpriced("claude-next-1", "odd&<name>")

    page = text(signed_in, "/dashboard")

    assert (
        '<a id="unpriced-claude-next-1" href="/admin/proxy/price/add/?model=claude-next-1"><code>claude-next-1</code></a>'
        in page
    )
    assert "?model=odd%26%3Cname%3E" in page
    assert "2 requests count as unpriced and are in no cost" in page
    assert "manage.py reprice" in page


def test_once_a_model_is_priced_nothing_is_said_of_it(signed_in: Client) -> None:
    unpriced("claude-next-1")
    with as_owner():
        UnpricedModel.objects.update(closed_at=timezone.now())

    assert "No price" not in text(signed_in, "/dashboard")


CELLS = [
    ("exact", Decimal("0.5"), ["$0.5000"], [">partial<", ">unpriced<"]),
    ("partial", Decimal("0.5"), ["$0.5000", ">partial<"], [">unpriced<"]),
    ("partial", None, [">partial<"], ["$0"]),
    ("unpriced", None, [">unpriced<"], ["$0"]),
    ("none", None, ["–"], [">partial<", ">unpriced<", "$0"]),  # noqa: RUF001 - the page's dash
]


@pytest.mark.parametrize(("state", "cost", "shown", "hidden"), CELLS)
def test_each_cost_of_a_list_and_of_a_request_carries_its_state(
    signed_in: Client, state: str, cost: Decimal | None, shown: list[str], hidden: list[str]
) -> None:
    row = people.make_exchange(cost_state=state, cost_usd=cost)

    for page in (text(signed_in, "/dashboard/requests"), text(signed_in, f"/dashboard/request/{row.id}")):
        assert [part for part in shown if part not in page] == []
        assert [part for part in hidden if part in page] == []


def test_sums_carry_both_kinds_of_doubt(signed_in: Client) -> None:
    people.make_exchange(cost_state="partial")
    people.make_exchange(cost_state="unpriced", cost_usd=None)

    for page in (text(signed_in, "/dashboard"), text(signed_in, "/dashboard/usage")):
        assert "1 unpriced</span>" in page
        assert "1 partial</span>" in page
    assert "Cost per hour by model, USD (unpriced)" in text(signed_in, "/dashboard/usage")


def test_the_api_counts_what_is_in_no_cost_and_what_is_incomplete(program: Client) -> None:
    people.make_exchange(cost_state="partial")
    people.make_exchange(cost_state="unpriced", cost_usd=None)

    stats: dict[str, Any] = program.get("/api/stats").json()
    listed = program.get("/api/requests").json()["requests"]

    assert (stats["costState"], stats["unpricedRequests"], stats["partialRequests"]) == ("unpriced", 1, 1)
    assert sorted((item["costState"], item["costUsd"]) for item in listed) == [
        ("partial", 0.000216),
        ("unpriced", None),
    ]


def test_the_request_names_the_model_that_answered_where_it_is_another(signed_in: Client) -> None:
    row = people.make_exchange(model="fast", answered_model="claude-haiku-4-5-20251001")

    assert "<dt>Answered by</dt><dd>claude-haiku-4-5-20251001</dd>" in text(
        signed_in, f"/dashboard/request/{row.id}"
    )


def test_a_price_that_is_added_says_how_many_requests_wait_for_it(client: Client) -> None:
    client.force_login(User.objects.create_superuser("olga"))
    unpriced("claude-next-1", "claude-next-2")
    names = ("input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "web_search")
    fields = dict.fromkeys(names, "1") | {"valid_from_0": "2026-01-01", "valid_from_1": "00:00:00"}

    response = client.post("/admin/proxy/price/add/", fields | {"model": "claude-next-1"}, follow=True)

    assert Price.objects.filter(model="claude-next-1").exists()
    assert "2 requests count as unpriced. Run `manage.py reprice`" in response.content.decode()


@pytest.mark.parametrize("zone", ["Asia/Kolkata", "Etc/GMT+8", "UTC", "America/Los_Angeles"])
def test_the_sum_of_the_days_is_that_of_the_week_in_any_time_zone(settings: Any, zone: str) -> None:
    settings.REPORTING_TIME_ZONE = zone
    for minutes in range(0, 9 * 24 * 60, 431):
        people.make_exchange(at=NOW - timedelta(minutes=minutes), input_tokens=minutes + 1)
    week = spans.week(Filter(), NOW)
    names = ["api.example.com"]

    hours = usage.all_series(
        usage.series_by(DIMENSIONS["domain"], names, usage.by_hours(week, week.end(NOW))).values()
    )
    days = usage.all_series(usage.series_by(DIMENSIONS["domain"], names, usage.cut(week, NOW)).values())

    total = figures.summary(week).total
    assert list(days) == usage.cut(week, NOW).starts
    assert len(days) == 7
    assert all(day.input_tokens for day in days.values())
    for bars in (hours, days):
        assert sum(item.input_tokens for item in bars.values()) == total.input_tokens
        assert sum(item.cost_usd for item in bars.values()) == total.cost_usd
