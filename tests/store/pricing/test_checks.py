"""`check --deploy` tells while costs are out of date, and once a model without a price was met."""

from datetime import date

import pytest
from django.core.checks import registry
from django.db import OperationalError
from django.utils import timezone

from proxy.store import checks
from proxy.store.models import Price, Repricing, UnpricedModel
from proxy.store.pricing import age
from proxy.store.pricing.pending import named
from tests import people

pytestmark = [pytest.mark.django_db, pytest.mark.database_role("owner"), pytest.mark.usefixtures("prices")]


def reported() -> list[tuple[str, str, str]]:
    return [(str(cost.id), cost.msg, str(cost.hint)) for cost in checks.costs(None)]


def test_it_is_one_of_the_deployment_checks() -> None:
    assert checks.costs in registry.registry.get_checks(include_deployment_checks=True)
    assert checks.costs not in registry.registry.get_checks()


def test_nothing_is_told_where_all_is_right() -> None:
    people.make_exchange(price_rule=1)
    Repricing.objects.create(began_at=timezone.now(), ended_at=timezone.now())

    assert reported() == []


def test_costs_by_an_earlier_rule_or_price_are_told_with_the_command() -> None:
    people.make_exchange(price_rule=0)
    Repricing.objects.create(began_at=timezone.now(), ended_at=timezone.now())
    Price.objects.found().filter(model="claude-sonnet-4-5").latest("valid_from").save()

    [(code, message, hint)] = reported()

    assert code == "proxy.W001"
    assert "earlier version's rule; prices changed of claude-sonnet-4-5" in message
    assert hint == "Run `manage.py reprice`."


def test_a_model_without_a_price_is_told_with_the_age_of_the_table() -> None:
    UnpricedModel.objects.create(
        model="claude-next-1", first_seen=timezone.now(), exchange_id=people.make_id()
    )
    Repricing.objects.create(began_at=timezone.now(), ended_at=timezone.now())
    Price.objects.filter(shipped=True).update(read_on=date(2026, 11, 29))
    people.make_price("mine-1")
    Price.objects.filter(model="mine-1").update(read_on=date(2027, 1, 1))

    [(code, message, hint)] = reported()

    assert code == "proxy.W002"
    assert message == (
        "No price for claude-next-1: 0 requests are in no cost. The prices that came with Nexus were read on 2026-11-29."
    )
    assert "Upgrade Nexus, or add the price" in hint
    assert "`manage.py reprice`" in hint
    UnpricedModel.objects.update(closed_at=timezone.now())
    assert reported() == []


def test_a_table_without_a_shipped_price_has_no_age() -> None:
    Price.objects.all().delete()

    assert (age.read_on(), age.sentence()) == (None, "")


def test_without_the_database_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def down() -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(checks, "pending", down)

    assert reported() == []


def test_of_many_models_a_few_are_named() -> None:
    assert named(["a", "b"]) == "a, b"
    assert named([str(number) for number in range(9)]) == "0, 1, 2, 3, 4, 5 and 3 more"
