"""The fields that shapes of the API and of exports have of metrics: their names, types and values, from the table of metrics.

A shape is made with `types` and filled with `values`; the lists at the end are what shapes have.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from proxy.metric_names import CONVERSATION_COLUMNS
from proxy.metrics import BILLED, BY_NAME, OF_EXCHANGE, Metric, Unit
from proxy.store.models import Exchange
from proxy.store.pricing.costs import plain


@dataclass(frozen=True, slots=True)
class MetricField:
    """`name` is in Python's style; `attribute` has the value in what is described.

    `exact_name` is the field with an amount of money as an exact decimal in a text, "" for all that is none.
    """

    metric: Metric
    name: str
    attribute: str
    may_be_unknown: bool = False
    exact_name: str = field(init=False)

    def __post_init__(self) -> None:
        exact = self.name.removesuffix("_usd") if self.metric.unit is Unit.USD else ""
        object.__setattr__(self, "exact_name", exact)


Fields = tuple[MetricField, ...]


def types(fields: Iterable[MetricField]) -> dict[str, Any]:
    """The types of fields by their names, in order."""
    found: dict[str, Any] = {}
    for each in fields:
        found[each.name] = float if each.exact_name else int
        if each.exact_name:
            found[each.exact_name] = str
        if each.may_be_unknown:
            found |= {name: found[name] | None for name in (each.name, each.exact_name) if name}
    return found


def values(fields: Iterable[MetricField], described: object) -> dict[str, Any]:
    """The values of fields by their names: of an object, or of a mapping by attributes."""
    read = described.__getitem__ if isinstance(described, Mapping) else partial(getattr, described)
    found: dict[str, Any] = {}
    for each in fields:
        value = read(each.attribute)
        if exact_name := each.exact_name:
            found[each.name] = None if value is None else float(value)
            found[exact_name] = None if value is None else plain(value)
        else:
            found[each.name] = value
    return found


def with_unit(fields: Iterable[MetricField], *units: Unit) -> Fields:
    """Those of some units."""
    return tuple(each for each in fields if each.metric.unit in units)


def without_unit(fields: Iterable[MetricField], *units: Unit) -> Fields:
    """All others."""
    return tuple(each for each in fields if each.metric.unit not in units)


def _of_exchange(metric: Metric) -> MetricField:
    """What no column says is a property of an exchange, and always known."""
    may_be_unknown = bool(metric.column) and Exchange._meta.get_field(metric.column).null
    return MetricField(metric, metric.exchange_name, metric.column or metric.name, may_be_unknown)


def _of_conversation(name: str, column: str) -> MetricField:
    metric = BY_NAME[name]
    return MetricField(metric, metric.exchange_name or column, column)


EXCHANGE = tuple(map(_of_exchange, OF_EXCHANGE))
# Where a turn is one of many, it is described by what the pages show of an exchange, and by nothing that follows from that.
TURN = tuple(
    each
    for each in EXCHANGE
    if each.metric.column and (each.metric.shown or each.metric.unit is Unit.MILLISECONDS)
)
# Sums of turns, but for how many of them cost how exactly: the worst of it is said in one word.
CONVERSATION = tuple(
    _of_conversation(name, column) for name, column in CONVERSATION_COLUMNS.items() if not BY_NAME[name].tag
)
# The tokens that one model of an exchange is billed for.
BILLED_TOKENS = tuple(
    MetricField(metric, metric.exchange_name, name)
    for name in BILLED
    if (metric := BY_NAME[name]).unit is Unit.TOKENS
)
