"""The price table as the pure price book, read again when an operator has changed it."""

import time
from threading import Lock

from proxy.store.models import Price
from proxy.wire import pricing

_SECONDS = 5.0


def book() -> pricing.PriceBook:
    """Every price in the table."""
    return pricing.PriceBook(
        pricing.Price(
            id=str(row.pk),
            model=row.model,
            input=row.input,
            output=row.output,
            cache_read=row.cache_read,
            cache_write_5m=row.cache_write_5m,
            cache_write_1h=row.cache_write_1h,
            valid_from=row.valid_from,
            web_search=row.web_search,
        )
        for row in Price.objects.all()
    )


class CachedBook:
    """The price book of one process: an edited price is used within five seconds."""

    def __init__(self, seconds: float = _SECONDS) -> None:
        self._seconds = seconds
        self._lock = Lock()
        self._read_at = -float("inf")
        self._book = pricing.PriceBook(())

    def get(self) -> pricing.PriceBook:
        with self._lock:
            if time.monotonic() - self._read_at >= self._seconds:
                self._book = book()
                self._read_at = time.monotonic()
            return self._book
