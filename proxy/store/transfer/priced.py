"""A price as an export carries it: by its values, because another database numbers its prices otherwise."""

from datetime import datetime
from decimal import Decimal

import msgspec

from proxy.store.models import Price

_Usd = Decimal | None


class Priced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price that an exchange was billed with, USD per million tokens; web searches per thousand.

    What has a default came with version 0.2.0, and older exports do not have it.
    """

    model: str
    valid_from: datetime
    input: _Usd
    output: _Usd
    cache_read: _Usd
    cache_write_5m: _Usd
    cache_write_1h: _Usd
    web_search: _Usd
    valid_to: datetime | None = None
    band_over_tokens: int | None = None
    band_input: _Usd = None
    band_output: _Usd = None
    band_cache_read: _Usd = None
    band_cache_write_5m: _Usd = None
    band_cache_write_1h: _Usd = None
    fast_factor: _Usd = None
    us_factor: _Usd = None
    batch_factor: Decimal = Decimal("0.5")


class Prices:
    """The price table, both ways."""

    def __init__(self) -> None:
        self._load()

    def by_id(self, price_id: int | None) -> Priced | None:
        """Also a price that came while an export ran; None for one that is gone."""
        if price_id is None:
            return None
        if price_id not in self._by_id:
            self._load()
        return self._by_id.get(price_id)

    def id_of(self, priced: Priced | None) -> int | None:
        """The row with exactly these values; None where there is none: a cost never points to a price that did not make it."""
        return None if priced is None else self._ids.get(priced)

    def _load(self) -> None:
        # Of rows with the same values the one that is in use comes last, and so is found.
        rows = sorted(Price.objects.all(), key=lambda row: row.withdrawn_at is None)
        self._by_id = {row.pk: _priced(row) for row in rows}
        self._ids = {priced: key for key, priced in self._by_id.items()}


def _priced(row: Price) -> Priced:
    return Priced(**{name: getattr(row, name) for name in Priced.__struct_fields__})
