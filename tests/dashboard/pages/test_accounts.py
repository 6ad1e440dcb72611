"""What the page of accounts shows: windows with reset and forecast, failures by the hour, and no secret."""

import json
import re
import time
from datetime import timedelta
from typing import Any, cast

import pytest
import redis
from django.test import Client
from django.utils import timezone

from proxy.store.models import WindowSample
from proxy.store.sums.window_samples import place_of
from tests import people
from tests.accounts.people import make_api_key
from tests.dashboard.pages.shown import text
from tests.roles import as_owner

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rows_alone")]
SECRET = "sk-ant-api03-leaked-by-mistake-0000"


def report(health: redis.Redis, number: int, used: float, **more: Any) -> None:
    """What proxies tell of a row, whose windows end in three hours."""
    gauges = {
        "unified-5h": [used, time.time() + 3 * 3600],
        "unified-7d_opus": [0.97, time.time() + 80 * 3600],
    }
    fields = {"gauges": json.dumps(gauges), "used_at": time.time() - 5, **more}
    health.hset(f"nexus:health:database:{number}", mapping=cast(Any, fields))


def fill(account: str, *, used: float, per_hour: float) -> None:
    """An hour of samples that rise to `used`."""
    now = timezone.now()
    moments = [now - timedelta(minutes=5 * index) for index in range(12)]
    with as_owner():
        WindowSample.objects.bulk_create(
            WindowSample(
                account=account,
                name="unified-5h",
                place=place_of(at),
                at=at,
                used=used - per_hour * (now - at) / timedelta(hours=1),
                resets_at=now + timedelta(hours=3),
            )
            for at in moments
        )


def window(page: str, name: str) -> str:
    """The part of a page that is about one window."""
    [found] = [
        part for part in page.split('<div class="window">')[1:] if f'<span class="what">{name}</span>' in part
    ]
    return found


def test_a_window_that_fills_says_when_it_will_be_full_and_when_it_is_empty_again(
    signed_in: Client, health: redis.Redis
) -> None:
    row = make_api_key("a.example", name="main", account_id="acc-1")
    report(health, row.pk, 0.6)
    fill("acc-1", used=0.6, per_hour=0.4)

    page = text(signed_in, "/dashboard/accounts")
    five_hours = window(page, "5 h")

    assert re.search(r'">full at [^<]+</span> <span class="dim">in (59m|1h 0m)', five_hours)
    assert re.search(r"resets [^,]+, in (2h 59m|3h 0m)", five_hours)
    assert '<strong class="share">60 %</strong>' in five_hours
    assert 'class="gauge good"' in five_hours
    assert five_hours.count('<path class="line"') == 1
    assert 'class="gauge bad"' in window(page, "7 d, opus")
    assert "full at" not in window(page, "7 d, opus")


def test_without_samples_nothing_is_forecast(signed_in: Client, health: redis.Redis) -> None:
    row = make_api_key("a.example", name="main", account_id="acc-1")
    report(health, row.pk, 0.6)

    assert "full at" not in text(signed_in, "/dashboard/accounts")


def test_failures_by_the_hour_lead_to_their_requests(signed_in: Client) -> None:
    make_api_key("a.example", name="main", account_id="acc-1")
    people.make_exchange(account="acc-1")
    for _ in range(3):
        people.make_exchange(account="acc-1", at=people.hours_ago(2), outcome="upstream_error", status=429)
    people.make_exchange(account="another", at=people.hours_ago(4), outcome="upstream_error", status=429)

    page = text(signed_in, "/dashboard/accounts")

    bars = re.findall(r'<a class="bar" href="([^"]+)"><title>([^<]+)</title>', page)
    assert len(bars) == 1
    assert bars[0][0].startswith("/dashboard/requests?from=")
    assert "account=acc-1" in bars[0][0]
    assert bars[0][1].endswith("failed: 3")
    assert "3 failed</span>" in page


def test_accounts_without_a_credential_are_listed_with_what_clients_paid(signed_in: Client) -> None:
    people.make_exchange(account="removed")
    people.make_exchange(account="")

    page = text(signed_in, "/dashboard/accounts")

    assert 'href="/dashboard/requests?account=removed">removed</a>' in page
    assert "paid by clients themselves" in page


def test_an_error_is_shown_without_the_secret_in_it(signed_in: Client, health: redis.Redis) -> None:
    row = make_api_key("a.example", name="main", account_id="acc-1")
    report(health, row.pk, 0.1, error=f"429 with {SECRET}", error_at=time.time() - 60)

    page = text(signed_in, "/dashboard/accounts")

    assert "429 with" in page
    assert SECRET not in page


def test_without_a_credential_the_page_says_what_to_do(signed_in: Client) -> None:
    page = text(signed_in, "/dashboard/accounts")

    assert "manage.py oauth_login" in page
    assert 'href="/admin/accounts/credential/"' in page


def test_a_filter_that_no_credential_fits_can_be_taken_off(signed_in: Client) -> None:
    make_api_key("a.example", name="main", account_id="acc-1")

    page = text(signed_in, "/dashboard/accounts?account=nobody")

    assert "No such credential" in page
    assert "main" not in re.findall(r'<h2 id="account-\d+">(\w+)', page)
