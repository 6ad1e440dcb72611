"""The price table at the door: a part of the access snapshot, so that an operator's price counts there within two seconds."""

from typing import cast

from accounts.access.decision import Snapshot
from accounts.snapshot.parts import Part
from proxy import price_file, price_table
from proxy.wire.billing.price_book import Price, PriceBook

# What this version ships stands in until the table can be read.
PART = Part("prices", list[Price], price_table.read, price_file.shipped_prices)


class DoorPrices:
    """The book of the latest snapshot, made once for each price table."""

    def __init__(self) -> None:
        self._prices: list[Price] | None = None
        self._book = PriceBook(())

    def book(self, snapshot: Snapshot | None) -> PriceBook:
        """The prices that hold now; without a snapshot that has any, those that this version ships."""
        prices = cast("list[Price] | None", snapshot.parts.get(PART.name)) if snapshot else None
        if prices is None:
            prices = self._prices or PART.default()
        if prices is not self._prices:
            self._prices, self._book = prices, PriceBook(prices)
        return self._book
