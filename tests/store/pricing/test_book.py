from datetime import UTC, datetime
from decimal import Decimal

import pytest

from proxy.store.models import Price
from proxy.store.pricing.book import CachedBook, book
from tests.prices import SHIPPED
from tests.roles import as_owner

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def test_a_new_database_holds_the_shipped_prices(prices: None) -> None:
    found = book().find("claude-haiku-4-5", NOW)

    assert Price.objects.filter(withdrawn_at=None).count() == len(SHIPPED)
    assert found is not None
    assert (found.rates.input, found.rates.cache_write_1h) == (Decimal(1), Decimal(2))
    assert found.id == str(Price.objects.found().get(model="claude-haiku-4-5").pk)


def test_an_edited_price_is_used_after_a_while(prices: None) -> None:
    slow, quick = CachedBook(seconds=600), CachedBook(seconds=0)
    prices_before = [item.get().find("claude-haiku-4-5", NOW) for item in (slow, quick)]
    with as_owner():
        Price.objects.filter(model="claude-haiku-4-5").update(input=Decimal(7))

    prices_after = [item.get().find("claude-haiku-4-5", NOW) for item in (slow, quick)]

    assert [price.rates.input for price in prices_before + prices_after if price] == [1, 1, 1, 7]
