"""The prices that ship with Nexus, for tests."""

from proxy.price_file import shipped_prices
from proxy.wire.billing.price_book import PriceBook

SHIPPED = shipped_prices()
BOOK = PriceBook(SHIPPED)
