"""The overview tells while stored costs are out of date, and how old the prices are once a model has none."""

from datetime import date

import pytest
from django.test import Client
from django.utils import timezone

from proxy.store.models import Price, Repricing, UnpricedModel
from proxy.store.pricing import upgrade
from tests import people
from tests.dashboard.pages.shown import BY_HTMX
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _table(db: None) -> None:
    with as_owner():
        upgrade.run()
        Repricing.objects.create(began_at=timezone.now(), ended_at=timezone.now())


def test_nothing_is_said_while_costs_are_up_to_date(signed_in: Client) -> None:
    people.make_exchange(price_rule=1)

    assert "Costs are out of date" not in signed_in.get("/dashboard").text


def test_costs_by_an_earlier_rule_are_told_until_they_are_computed_again(signed_in: Client) -> None:
    row = people.make_exchange(price_rule=0)

    for headers in ({}, BY_HTMX):
        page = signed_in.get("/dashboard", headers=headers).text
        assert "Costs are out of date" in page
        assert "<code>manage.py reprice</code>" in page
    with as_owner():
        type(row).objects.update(price_rule=1)
    assert "Costs are out of date" not in signed_in.get("/dashboard").text


def test_a_price_that_changed_is_named(signed_in: Client) -> None:
    people.make_exchange(model="claude-opus-5", price_rule=1)
    with as_owner():
        Price.objects.found().get(model="claude-opus-5").save()

    assert "prices changed of claude-opus-5" in signed_in.get("/dashboard").text


def test_a_model_without_a_price_is_told_with_the_age_of_the_prices(signed_in: Client) -> None:
    with as_owner():
        UnpricedModel.objects.create(
            model="claude-next-1", first_seen=timezone.now(), exchange_id=people.make_id()
        )
        Price.objects.filter(shipped=True).update(read_on=date(2026, 11, 29))

    page = signed_in.get("/dashboard").text

    assert "The prices that came with Nexus were read on 29 Nov 2026." in page
    assert "Upgrade Nexus or add the price in the admin" in page
