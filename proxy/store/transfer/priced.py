"""A price as an export carries it: by its values, because another database numbers its prices otherwise."""

from datetime import datetime
from decimal import Decimal

import msgspec

from proxy.store.models import Price


class Priced(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The price that an exchange was billed with, USD per million tokens; web searches per thousand."""

    model: str
    valid_from: datetime
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    web_search: Decimal


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
        self._by_id = {row.pk: _priced(row) for row in Price.objects.all()}
        self._ids = {priced: key for key, priced in self._by_id.items()}


def _priced(row: Price) -> Priced:
    return Priced(**{name: getattr(row, name) for name in Priced.__struct_fields__})
