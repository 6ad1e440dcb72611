"""The list of requests."""

import pytest
from django.test import Client

from tests import people
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db


def test_an_unpriced_request_is_not_shown_as_free(signed_in: Client) -> None:
    people.make_exchange(cost_state="unpriced", cost_usd=None)

    page = text(signed_in, "/dashboard/requests")

    assert "unpriced" in page
    assert "$0.00" not in page


def test_the_list_goes_on_where_it_stopped(signed_in: Client) -> None:
    rows = [
        people.make_exchange(at=people.hours_ago(hour), model=f"model-{hour:03d}") for hour in range(1, 53)
    ]

    first = text(signed_in, "/dashboard/requests")
    second = text(signed_in, f"/dashboard/requests?before={rows[49].id}")

    assert f"?before={rows[49].id}" in first
    assert "52 stored" in first
    assert 'title="model-050"' in first
    assert 'title="model-051"' not in first
    assert 'title="model-051"' in second
    assert 'title="model-050"' not in second
    assert ">Newest<" in second
    assert ">Older<" not in second


def test_predecessor_defect_26_a_filter_looks_at_all_requests_and_not_at_one_page(signed_in: Client) -> None:
    people.make_exchange(at=people.hours_ago(100), domain="rare.example", model="model-rare")
    for hour in range(1, 60):
        people.make_exchange(at=people.hours_ago(hour))

    assert 'title="model-rare"' not in text(signed_in, "/dashboard/requests")
    assert 'title="model-rare"' in text(signed_in, "/dashboard/requests?domain=rare.example")


def test_the_end_of_the_list_is_named(signed_in: Client) -> None:
    row = people.make_exchange()

    assert "No older requests" in text(signed_in, f"/dashboard/requests?before={row.id}")


def test_an_id_that_is_none_is_not_found(signed_in: Client) -> None:
    assert signed_in.get("/dashboard/requests?before=x").status_code == 404
