"""The filter on pages: what is on stands as chips, and what an address asks for in vain is said."""

import pytest
from django.test import Client

from tests import people

pytestmark = pytest.mark.django_db


def shown(client: Client, address: str) -> str:
    response = client.get(address)
    assert response.status_code == 200
    return response.content.decode()


def test_requests_are_filtered_by_what_their_address_says(signed_in: Client) -> None:
    busy = people.make_exchange(status=529, outcome="upstream_error", error_type="overloaded_error")
    fine = people.make_exchange()

    page = shown(signed_in, "/dashboard/requests?status=5xx&period=24h")

    assert str(busy.id) in page
    assert str(fine.id) not in page


def test_each_part_is_a_chip_that_takes_it_off(signed_in: Client) -> None:
    page = shown(signed_in, "/dashboard/requests?status=5xx&model=opus")

    assert '<a class="chip" href="?model=opus"' in page
    assert '<a class="chip" href="?status=5xx"' in page


@pytest.mark.parametrize(
    ("address", "notice"),
    [
        ("/dashboard/requests?colour=red", "colour: there is no such filter"),
        ("/dashboard/requests?status=9xx&model=opus", "status: it is no whole number"),
        ("/dashboard/requests?model=a&model=b", "model: it is given 2 times"),
        ("/dashboard/usage?by=model&tool=Bash", "tool: sums by model cannot be filtered by it"),
        ("/dashboard?minCostUsd=5", "minCostUsd: this page cannot be filtered by it"),
        ("/dashboard/usage?by=colour", "by: it is none of model, domain"),
        ("/dashboard/request/{id}?view=all", "view: it is none of conversation, raw, headers"),
        ("/dashboard/request/{id}?colour=red", "colour: there is no such filter"),
    ],
)
def test_what_a_page_cannot_use_it_says(signed_in: Client, address: str, notice: str) -> None:
    assert notice in shown(signed_in, address.format(id=people.make_exchange().id))


@pytest.mark.parametrize("odd", ["=1", "stat=1", "x" * 500 + "=1"])
def test_what_cannot_be_used_takes_nothing_else_off(signed_in: Client, odd: str) -> None:
    page = shown(signed_in, f"/dashboard/requests?{odd}&status=5xx")

    assert "there is no such filter" in page
    assert 'class="chip" href="?"' in page
    assert "Status: 5xx" in page


def test_the_next_page_keeps_the_filter(signed_in: Client) -> None:
    for _ in range(52):
        people.make_exchange(model="claude-opus-5-5")

    page = shown(signed_in, "/dashboard/requests?model=claude-opus-5-5")

    assert "&amp;model=claude-opus-5-5" in page
    assert 'rel="next"' in page


def test_a_script_in_a_filter_stays_text(signed_in: Client) -> None:
    page = shown(signed_in, "/dashboard/requests?model=<script>alert(1)</script>&<img src=x>=1")

    assert "<script>alert(1)" not in page
    assert "<img src=x>" not in page
