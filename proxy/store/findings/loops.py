"""Loops, storms and slow tools of a stored conversation, from the digests that its turns keep: no body is read."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings

from proxy.conversations.findings import tool_calls
from proxy.conversations.findings.finding import Finding
from proxy.conversations.findings.loops import Turn as LoopTurn
from proxy.conversations.findings.loops import loops_in
from proxy.conversations.findings.tool_calls import Result, ToolUse
from proxy.conversations.tree import Kind, Place
from proxy.store.conversations.loading import Loaded
from proxy.store.conversations.turns import tool_digests
from proxy.store.models import Exchange


def found_in(loaded: Loaded) -> list[Finding]:
    """All of them."""
    return loops_in(list(_turns(loaded)), times=settings.FINDINGS_REPEATS)


def tools_of(loaded: Loaded) -> Mapping[UUID, tuple[ToolUse, ...]]:
    """The tools that each turn's answer called, with the results that a later turn brought."""
    brought = list(_results(loaded))
    by_call: dict[str, tuple[Result, Exchange]] = {}
    for exchange, results in brought:
        for result in results:
            by_call.setdefault(result.id, (result, exchange))
    return {id_: tuple(_uses(loaded, id_, by_call)) for id_ in loaded.turns}


def _results(loaded: Loaded) -> Iterator[tuple[Exchange, list[Result]]]:
    for id_, row in loaded.turns.items():
        yield loaded.exchanges[id_], tool_digests(row)[1]


def _uses(loaded: Loaded, id_: UUID, by_call: Mapping[str, tuple[Result, Exchange]]) -> Iterator[ToolUse]:
    ended = _end(loaded.exchanges[id_])
    for call in tool_digests(loaded.turns[id_])[0]:
        found = by_call.get(call.id)
        seconds = (found[1].started_at - ended).total_seconds() if found else None
        yield from tool_calls.joined([call], [found[0]] if found else [], seconds and max(seconds, 0.0))


def _end(exchange: Exchange) -> datetime:
    return exchange.started_at + timedelta(milliseconds=exchange.duration_ms)


def _turns(loaded: Loaded) -> Iterator[LoopTurn]:
    tools = tools_of(loaded)
    for place in loaded.tree.places:
        if place.kind not in (Kind.SIDE, Kind.COMPACTION):
            yield _turn(place, loaded, tools[place.id])


def _turn(place: Place, loaded: Loaded, tools: tuple[ToolUse, ...]) -> LoopTurn:
    exchange = loaded.exchanges[place.id]
    return LoopTurn(
        id=place.id,
        parent_id=place.parent,
        retry_of=place.retry_of,
        agent_id=place.agent_id,
        error_type=exchange.error_type or None,
        stop_reason=exchange.stop_reason or None,
        new_words=loaded.turns[place.id].new_words,
        tools=tools,
    )
