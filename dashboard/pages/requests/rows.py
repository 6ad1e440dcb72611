"""The lines of the list: exchanges with what other tables know of them, as far as a column shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dashboard.pages.requests.columns import Cell, Column, Row
from dashboard.queries import client_keys, conversations
from proxy.store.models import Exchange


@dataclass(frozen=True, slots=True)
class Line:
    """A row and its cells, each with its column."""

    row: Row
    cells: list[tuple[Column, Cell]]


def of(exchanges: Sequence[Exchange], shown: Sequence[Column]) -> list[Line]:
    """A line for each exchange."""
    names = {column.name for column in shown}
    return [
        Line(row, [(column, column.cell(row)) for column in shown])
        for row in _rows(exchanges, titled="title" in names, keyed="clientKey" in names)
    ]


def _rows(exchanges: Sequence[Exchange], *, titled: bool, keyed: bool) -> Iterator[Row]:
    found = conversations.ids_of([exchange.id for exchange in exchanges]) if titled else {}
    known = conversations.known(set(found.values()))
    titles = {id_: conversations.title(row) for id_, row in known.items()}
    keys = client_keys.names_of({exchange.client_key for exchange in exchanges}) if keyed else {}
    for exchange in exchanges:
        conversation = found.get(exchange.id)
        yield Row(
            exchange,
            titles.get(conversation, "") if conversation else "",
            conversation,
            keys.get(exchange.client_key, exchange.client_key),
        )
