"""What the cache saved, at list prices."""

from datetime import UTC, datetime
from decimal import Decimal

from dashboard.queries.cache_savings import saved_usd
from dashboard.queries.sums.figures import Figures
from proxy.wire.billing.price_book import Price, PriceBook, Rates

NOW = datetime(2026, 11, 20, tzinfo=UTC)
RATES = Rates(Decimal(3), Decimal(15), Decimal("0.3"), Decimal("3.75"), Decimal(6))
PRICES = PriceBook([Price("p", "model", RATES, datetime(2026, 1, 1, tzinfo=UTC))])


def test_reading_saves_what_input_costs_more_and_writing_takes_its_surcharge_off() -> None:
    sums = Figures(cache_read_tokens=2_000_000, cache_write_tokens=1_000_000, input_tokens=5_000_000)

    assert saved_usd({"model": sums}, PRICES, NOW) == 2 * Decimal("2.7") - Decimal("0.75")


def test_a_model_without_a_price_is_left_out_and_alone_nobody_knows() -> None:
    sums = Figures(cache_read_tokens=1_000_000)

    assert saved_usd({"model": sums, "unknown": sums}, PRICES, NOW) == Decimal("2.7")
    assert saved_usd({"unknown": sums}, PRICES, NOW) is None
    assert saved_usd({}, PRICES, NOW) is None
