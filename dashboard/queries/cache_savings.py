"""What the cache saved: the prompt's tokens at the price of input, less what reading and writing the cache cost. Pure."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal

from dashboard.queries.sums.figures import Figures
from proxy.wire.billing.price_book import PriceBook

_MILLION = Decimal(1_000_000)


def saved_usd(by_model: Mapping[str, Figures], prices: PriceBook, at: datetime) -> Decimal | None:
    """At list prices of a moment, writes at the rate of five minutes: sums do not tell which lasted an hour, and those cost more.

    None where no model with such tokens has a price; one without is left out.
    """
    parts = [_of_model(model, sums, prices, at) for model, sums in by_model.items() if sums.cache_read_tokens]
    known = [part for part in parts if part is not None]
    return sum(known, Decimal(0)) if known else None


def _of_model(model: str, sums: Figures, prices: PriceBook, at: datetime) -> Decimal | None:
    price = prices.find(model, at)
    if price is None:
        return None
    full, read, write = price.rates.input, price.rates.cache_read, price.rates.cache_write_5m
    if full is None or read is None or write is None:
        return None
    by_reading = sums.cache_read_tokens * (full - read)
    return Decimal(by_reading - sums.cache_write_tokens * (write - full)) / _MILLION
