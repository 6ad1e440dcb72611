"""Loops, storms and slow tools of a stored conversation, from the digests that its turns keep: no body is read."""

from collections.abc import Iterator

from django.conf import settings

from proxy.conversations.findings.finding import Finding
from proxy.conversations.findings.loops import Turn as LoopTurn
from proxy.conversations.findings.loops import loops_in
from proxy.conversations.findings.tool_calls import ToolUse
from proxy.conversations.tree import Kind, Place
from proxy.store.conversations.loading import Loaded
from proxy.store.findings.tool_uses import uses_of


def found_in(loaded: Loaded) -> list[Finding]:
    """All of them."""
    return loops_in(list(_turns(loaded)), times=settings.FINDINGS_REPEATS)


def _turns(loaded: Loaded) -> Iterator[LoopTurn]:
    tools = uses_of(loaded.turns, loaded.exchanges)
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
