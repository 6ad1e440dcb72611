"""The heat map of usage: hours of the week in the zone of the filter."""

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from django.test import Client
from django.utils import timezone

from tests import people
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db


def cells(page: str) -> list[tuple[str, str, str]]:
    """Address, title and depth of each."""
    found = re.findall(
        r'<a class="bar" href="([^"]+)"><title>([^<]+)</title><rect class="reach"[^>]+/>'
        r'<rect class="heat"[^>]+fill-opacity="([\d.]+)"/></a>',
        page,
    )
    return [(address.replace("&amp;", "&"), title, depth) for address, title, depth in found]


def test_an_hour_lies_on_its_weekday_in_the_zone_and_leads_to_its_requests(signed_in: Client) -> None:
    at = (timezone.now() - timedelta(days=2)).replace(hour=22, minute=15)
    people.make_exchange(at=at, cost_usd=Decimal(2))

    [cell] = cells(text(signed_in, "/dashboard/usage?period=7d&zone=Asia/Kolkata&domain=api.example.com"))

    hour = at.replace(minute=0, second=0, microsecond=0)
    local = hour + timedelta(hours=5, minutes=30)
    assert cell[1].startswith(
        f"{local:%a} {local:%H}:00 to {(local.hour + 1) % 24:02d}:00\ncost: $2.00\nrequests: 1"
    )
    begin, end = f"{hour:%Y-%m-%dT%H:%M:%SZ}", f"{hour + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    assert cell[0].replace("%3A", ":") == (
        f"/dashboard/requests?from={begin}&to={end}&zone=Asia%2FKolkata&domain=api.example.com"
    )


def test_the_same_hour_of_two_weeks_is_one_cell_which_leads_to_the_dearer(signed_in: Client) -> None:
    at = datetime.now(UTC).replace(minute=5) - timedelta(days=3)
    people.make_exchange(at=at, cost_usd=Decimal(1))
    people.make_exchange(at=at - timedelta(days=7), cost_usd=Decimal(4))
    people.make_exchange(at=at - timedelta(hours=2), cost_usd=Decimal("0.01"))

    found = cells(text(signed_in, "/dashboard/usage?period=30d"))

    assert len(found) == 2
    [both] = [cell for cell in found if "$5.00" in cell[1]]
    assert "in 2 such hours" in both[1]
    assert f"from={at - timedelta(days=7):%Y-%m-%dT%H}" in both[0].replace("%3A", ":")
    [small] = [cell for cell in found if cell != both]
    assert float(small[2]) < float(both[2]) == 1


def test_where_nothing_has_a_cost_requests_are_drawn(signed_in: Client) -> None:
    people.make_exchange(cost_usd=None, cost_state="unpriced")

    page = text(signed_in, "/dashboard/usage?period=24h")

    assert [cell[2] for cell in cells(page)] == ["1.00"]
    assert '<td class="number">1</td>' in page[page.index("By hour of the week") :]
