"""The page of usage."""

import pytest
from django.test import Client

from tests import people
from tests.dashboard.pages.shown import text

pytestmark = pytest.mark.django_db


def test_e0_the_usage_page_splits_by_model_and_domain(signed_in: Client) -> None:
    people.make_exchange(domain="a.example", model="model-a", cost_state="unpriced", cost_usd=None)
    people.make_exchange(domain="b.example", model="", at=people.hours_ago(2))

    by_model = text(signed_in, "/dashboard/usage")
    by_domain = text(signed_in, "/dashboard/usage?by=domain")

    assert "Requests per hour by model" in by_model
    assert "(none)" in by_model
    assert "Cost per hour by domain, USD" in by_domain
    assert '<th scope="row" class="name" title="a.example"><a class="only"' in by_domain
    assert ">a.example</a></th>" in by_domain


def test_the_usage_page_gathers_what_has_no_colour(signed_in: Client) -> None:
    for index in range(9):
        people.make_exchange(model=f"model-{index}")

    assert "everything else" in text(signed_in, "/dashboard/usage")
