"""Sums of a period by one dimension: a row for each value, the most expensive first.

Models, domains, accounts and types are in the rollups, so a filter by any of them holds for each other. The others have sums of
their own (docs/decisions/0041-sums-by-value.md), which a domain and the dimension itself can filter. Sessions and agents are too
many to be ranked here: the database does it (`conversation_hours`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q

from dashboard.filters.filter import BY_NAME, Filter, FilterError
from dashboard.queries.client_keys import keys_called, names_of
from dashboard.queries.filtering import domain_is
from dashboard.queries.sums import conversation_hours, figures
from dashboard.queries.sums.figures import (
    AGGREGATES,
    ROLLUPS,
    Figures,
    Tables,
    by_key,
    of_row,
    rollups,
    together,
)
from dashboard.queries.sums.spans import Span
from proxy import dimensions
from proxy.store.models import Breakdown, DayBreakdown

VALUES = Tables(Breakdown, DayBreakdown)
_PERIOD = ("period", "from", "to", "zone", "domain")
_COLUMNS = {"model": "model", "domain": "domain", "account": "account", "type": "request_type"}
CLIENT_KEY = "clientKey"


@dataclass(frozen=True, slots=True)
class By:
    """A dimension of breakdowns: `column` of `tables` has its values; `served` are the filters that it takes.

    `of_conversations` are the columns of hours of conversations, of dimensions that have no tables of their own.
    """

    name: str
    column: str
    tables: Tables
    served: tuple[str, ...]
    of_conversations: tuple[str, ...] = ()

    def keys(self, chosen: Filter) -> Q:
        """What a filter asks of its rows, apart from their moment."""
        if self.tables is ROLLUPS:
            return by_key(chosen)
        found = Q(dimension=self.name)
        if chosen.domain:
            found &= domain_is(chosen.domain)
        if value := getattr(chosen, BY_NAME[self.name]):
            found &= Q(value__in=_values(self.name, value))
        return found


def _values(name: str, value: str) -> list[str]:
    return [value, *map(str, keys_called(value))] if name == CLIENT_KEY else [value]


DIMENSIONS: Mapping[str, By] = {
    **{name: By(name, column, ROLLUPS, figures.SERVED) for name, column in _COLUMNS.items()},
    **{name: By(name, "value", VALUES, (*_PERIOD, name)) for name in dimensions.BY_NAME},
    **{
        name: By(name, "", VALUES, conversation_hours.SERVED, columns)
        for name, columns in conversation_hours.COLUMNS.items()
    },
}

# All that any of them can be filtered by, by the names in addresses.
SERVED = tuple(dict.fromkeys(name for by in DIMENSIONS.values() for name in by.served))


def dimensions_for(chosen: Filter) -> list[By]:
    """The dimensions that take every filter of it, in their order. Raises FilterError where none does."""
    asked = chosen.given().keys() - _PERIOD
    usable = [by for by in DIMENSIONS.values() if asked <= set(by.served)]
    if not usable:
        name = min(asked - _COLUMNS.keys(), default=min(asked))
        raise FilterError(
            name,
            "sums are kept by one of client key, person, tool, errorType and outcome, or by session and agent:"
            " give it alone, or with a domain",
        )
    return usable


@dataclass(frozen=True, slots=True)
class Ranking:
    """The values with most of a metric in this order, each with its sums and those of another span; `more` are left out."""

    total: Figures
    other_total: Figures
    rows: Sequence[tuple[str, Figures, Figures]]
    more: int


def ranking(by: By, spans: tuple[Span, Span], chosen: Filter, metric: str, most: int) -> Ranking:
    """At most so many values of the first span, beside the second one."""
    span, other = spans
    nothing = Figures()
    if columns := by.of_conversations:
        found, count = conversation_hours.top(columns, span, chosen, metric, most)
        beside = conversation_hours.of_keys(columns, other, chosen, found)
        total, other_total = (conversation_hours.total(each, chosen) for each in spans)
    else:
        found, beside = (breakdown(by, each, chosen) for each in spans)
        total, other_total = together(found.values()), together(beside.values())
        count = len(found)
    rows = [(value, found[value], beside.get(value, nothing)) for value in _ordered(found, metric)[:most]]
    return Ranking(total, other_total, rows, count - len(rows))


def first(by: By, span: Span, chosen: Filter, metric: str, most: int) -> list[str]:
    """The values with most of a metric."""
    if columns := by.of_conversations:
        return [*conversation_hours.top(columns, span, chosen, metric, most)[0]]
    return _ordered(breakdown(by, span, chosen), metric)[:most]


def _ordered(found: Mapping[str, Figures], metric: str) -> list[str]:
    return sorted(found, key=lambda value: (-getattr(found[value], metric), value))


def breakdown(by: By, span: Span, chosen: Filter) -> dict[str, Figures]:
    """The sums of each value in a span, in no order. Not of conversations."""
    found: defaultdict[str, list[Figures]] = defaultdict(list)
    for part in rollups(span, by.keys(chosen), by.tables):
        for row in part.order_by().values(by.column).annotate(**AGGREGATES):
            found[row[by.column]].append(of_row(row))
    return {value: together(parts) for value, parts in found.items()}


def total(span: Span, chosen: Filter) -> Figures:
    """The sums of all that a filter has, each request once. Raises FilterError where no dimension takes all of it."""
    by = dimensions_for(chosen)[0]
    if by.of_conversations:
        return conversation_hours.total(span, chosen)
    parts = rollups(span, by.keys(chosen), by.tables)
    return together(of_row(part.order_by().aggregate(**AGGREGATES)) for part in parts)


def labels(by: By, values: Iterable[str]) -> dict[str, str]:
    """What people call the values; those that are not in it are their own names."""
    if by.of_conversations:
        return conversation_hours.labels(values)
    return names_of(values) if by.name == CLIENT_KEY else {}
