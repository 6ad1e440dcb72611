from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from proxy.store.models import Price
from proxy.store.prices import CachedBook, book
from proxy.wire.pricing import DEFAULT_PRICES
from tests.roles import as_owner

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_new_database_holds_the_default_prices(prices: None) -> None:
    found = book().find("claude-haiku-4-5", NOW)

    assert Price.objects.count() == len(DEFAULT_PRICES)
    assert found is not None
    assert (found.input, found.cache_write_1h) == (Decimal(1), Decimal(2))
    assert found.id == str(Price.objects.get(model="claude-haiku-4-5").pk)


def test_prices_that_an_operator_changed_survive_the_migration(prices: None) -> None:
    with as_owner():
        Price.objects.update(input=Decimal(42))

    with as_owner(), connection.schema_editor() as editor:
        import_module("proxy.store.migrations.0002_default_prices").fill(apps, editor)

    assert set(Price.objects.values_list("input", flat=True)) == {Decimal(42)}


def test_an_edited_price_is_used_after_a_while(prices: None) -> None:
    slow, quick = CachedBook(seconds=600), CachedBook(seconds=0)
    prices_before = [one.get().find("claude-haiku-4-5", NOW) for one in (slow, quick)]
    with as_owner():
        Price.objects.filter(model="claude-haiku-4-5").update(input=Decimal(7))

    prices_after = [one.get().find("claude-haiku-4-5", NOW) for one in (slow, quick)]

    assert [price.input for price in prices_before + prices_after if price] == [1, 1, 1, 7]
