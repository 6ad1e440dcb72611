"""The tools that turns call, each with the result that a later turn of the conversation brought, and how long that took."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from proxy.conversations.findings import tool_calls
from proxy.conversations.findings.tool_calls import Result, ToolUse
from proxy.store.conversations.turns import tool_digests
from proxy.store.models import Exchange, Turn


def uses_of(
    turns: Mapping[UUID, Turn], exchanges: Mapping[UUID, Exchange]
) -> Mapping[UUID, tuple[ToolUse, ...]]:
    """By the turn whose answer calls them. Of a result that comes again, as in a repeat or a branch, the first one counts."""
    by_call: dict[str, tuple[Result, Exchange]] = {}
    for id_, row in turns.items():
        for result in tool_digests(row)[1]:
            by_call.setdefault(result.id, (result, exchanges[id_]))
    return {id_: tuple(_uses(row, exchanges[id_], by_call)) for id_, row in turns.items()}


def _uses(row: Turn, exchange: Exchange, by_call: Mapping[str, tuple[Result, Exchange]]) -> Iterator[ToolUse]:
    ended = _end(exchange)
    for call in tool_digests(row)[0]:
        found = by_call.get(call.id)
        seconds = (found[1].started_at - ended).total_seconds() if found else None
        yield from tool_calls.joined([call], [found[0]] if found else [], seconds and max(seconds, 0.0))


def _end(exchange: Exchange) -> datetime:
    return exchange.started_at + timedelta(milliseconds=exchange.duration_ms)
