"""Dated prices of models, and which one holds for a model's name at a moment."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

# The names under which one version of a model is called: [1m] asks for the long context; Bedrock puts a region and
# `anthropic.` before the name and a revision behind it, Google Cloud a date behind @; a date of release or -latest may
# follow anywhere. A version such as -5 is no such suffix, so claude-opus-4-5 is never claude-opus-4.
_LONG_CONTEXT = "[1m]"
# Those of the API's own prices so far.
THRESHOLDS = (100_000, 200_000)
_CLOUD = re.compile(r"^(?:[a-z-]+\.)?anthropic\.|-v\d+(?::\d+)?$|@20\d{6}$")
_RELEASE = re.compile(r"-(?:latest|20\d{6})$")


class Rates(NamedTuple):
    """USD per million tokens of each kind; None where a rate is not known."""

    input: Decimal | None
    output: Decimal | None
    cache_read: Decimal | None
    cache_write_5m: Decimal | None
    cache_write_1h: Decimal | None


@dataclass(frozen=True, slots=True)
class Band:
    """The rates of a model call whose prompt (input, cache reads and writes) has more than `over_tokens` tokens."""

    over_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """What a model costs from `valid_from` to before `valid_to` (None: until a newer price); `web_search` is per 1,000.

    A factor multiplies every rate of a fast answer, one that ran in the US, one of a batch; None where the model has no
    such mode. A `withdrawn` price is never found by a model's name, only by its id.
    """

    id: str
    model: str
    rates: Rates
    valid_from: datetime
    valid_to: datetime | None = None
    band: Band | None = None
    aliases: tuple[str, ...] = ()
    fast_factor: Decimal | None = None
    us_factor: Decimal | None = None
    batch_factor: Decimal = Decimal("0.5")
    web_search: Decimal | None = Decimal(10)
    withdrawn: bool = False


class PriceBook:
    """Look up prices by a model's exact name, by an alias of one, then by the name of its version."""

    def __init__(self, prices: Iterable[Price]) -> None:
        self.by_id: dict[str, Price] = {}
        self._by_name: dict[str, list[Price]] = {}
        self._by_alias: dict[str, list[Price]] = {}
        for price in sorted(prices, key=lambda price: price.valid_from, reverse=True):
            self.by_id[price.id] = price
            if not price.withdrawn:
                self._by_name.setdefault(price.model, []).append(price)
                for alias in price.aliases:
                    self._by_alias.setdefault(alias, []).append(price)

    def find(self, model: str, at: datetime) -> Price | None:
        """The price in force for `model` at the aware datetime `at`; None means unpriced."""
        for name in names_of(model):
            for newest_first in (self._by_name.get(name), self._by_alias.get(name)):
                if newest_first and (found := _in_force(newest_first, at)):
                    return found
        return None

    def in_force(self, at: datetime) -> Iterator[Price]:
        """The price of each model at a moment."""
        for newest_first in self._by_name.values():
            if found := _in_force(newest_first, at):
                yield found

    @property
    def thresholds(self) -> tuple[int, ...]:
        """The sizes of prompts, in tokens, over which some price has or had a band; ascending."""
        bands = (price.band for price in self.by_id.values() if price.band)
        return tuple(sorted({*THRESHOLDS, *(band.over_tokens for band in bands)}))


def _in_force(newest_first: list[Price], at: datetime) -> Price | None:
    """The newest price that holds; a model's earliest one also holds before its date."""
    for price in newest_first:
        if price.valid_from <= at and (price.valid_to is None or at < price.valid_to):
            return price
    earliest = newest_first[-1]
    return earliest if at < earliest.valid_from else None


def names_of(model: str) -> Iterator[str]:
    """The names under which a price for `model` may stand, its own first, one by one: mostly there is a price for that."""
    yield model
    name = model
    for shorter in (_without_long_context, _without_cloud, _without_release):
        if (short := shorter(name)) != name:
            name = short
            yield name


def _without_long_context(name: str) -> str:
    return name.removesuffix(_LONG_CONTEXT)


def _without_cloud(name: str) -> str:
    return _CLOUD.sub("", name)


def _without_release(name: str) -> str:
    return _RELEASE.sub("", name)
