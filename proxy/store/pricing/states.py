"""Whether a row of the price table holds now, which its dates alone do not say: a newer row of its model may have taken over."""

from collections.abc import Iterable
from datetime import datetime

from proxy.price_table import price_of
from proxy.store.models import Price
from proxy.store.pricing.reconcile import of_table
from proxy.wire.billing.price_book import PriceBook

IN_FORCE, FUTURE, ENDED, WITHDRAWN = STATES = ("in force", "future", "ended", "withdrawn")


def states(rows: Iterable[Price], now: datetime) -> dict[int, str]:
    """The state of each row of the whole table, by its id."""
    table = list(rows)
    book = PriceBook(
        price_of(of_table(row).values | {"id": str(row.pk)}) for row in table if not row.withdrawn_at
    )
    holds = {int(price.id) for price in book.in_force(now)}
    return {row.pk: _state(row, holds, now) for row in table}


def _state(row: Price, holds: set[int], now: datetime) -> str:
    if row.withdrawn_at:
        return WITHDRAWN
    if row.pk in holds:
        return IN_FORCE
    return FUTURE if row.valid_from > now else ENDED
