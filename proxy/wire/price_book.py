"""Dated prices of models, and which one holds for a model's name at a moment."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

# The names under which one version of a model is called: -latest or a date of release; [1m] asks for
# the long context. A version such as -5 is no such suffix, so claude-opus-4-5 is never claude-opus-4.
_LONG_CONTEXT = "[1m]"
_RELEASE = re.compile(r"-(?:latest|20\d{6})$")


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from `valid_from` on: USD per million tokens; `web_search` per 1,000 searches."""

    id: str
    model: str
    input: Decimal
    output: Decimal
    cache_read: Decimal
    cache_write_5m: Decimal
    cache_write_1h: Decimal
    valid_from: datetime
    web_search: Decimal = Decimal(10)


class PriceBook:
    """Look up prices by the model's exact name, then by the name of its version."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self._newest_first: dict[str, list[Price]] = {}
        for price in sorted(prices, key=lambda price: price.valid_from, reverse=True):
            self._newest_first.setdefault(price.model, []).append(price)

    def find(self, model: str, at: datetime) -> Price | None:
        """The newest price that holds for `model` at the aware datetime `at`; None means unpriced."""
        for name in names_of(model):
            for price in self._newest_first.get(name, ()):
                if price.valid_from <= at:
                    return price
        return None


def names_of(model: str) -> Iterator[str]:
    """The names under which a price for `model` may stand, its own first, one by one: mostly there is a price for that."""
    yield model
    short = model.removesuffix(_LONG_CONTEXT)
    if short != model:
        yield short
    if (version := _RELEASE.sub("", short)) != short:
        yield version
