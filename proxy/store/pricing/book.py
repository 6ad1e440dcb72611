"""The price table as the pure price book, read again when an operator has changed it."""

import time
from threading import Lock

from proxy import price_table
from proxy.wire.billing.price_book import PriceBook

_SECONDS = 5.0


def book() -> PriceBook:
    """Every price in the table, also those that no name finds any more."""
    return PriceBook(price_table.read())


class CachedBook:
    """The price book of one process: an edited price is used within five seconds."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._read_at = -float("inf")
        self._book = PriceBook(())

    def get(self) -> PriceBook:
        with self._lock:
            if time.monotonic() - self._read_at >= self._seconds:
                self._book = book()
                self._read_at = time.monotonic()
            return self._book
