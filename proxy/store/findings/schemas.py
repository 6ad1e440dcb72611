"""Tools' schemas that a client ships with each request, found in one request of a conversation, whose body is read once.

That request is the first answered one among those with the most tools, and not the largest one of all: it stays the same while a
conversation grows, so that its body need not be read anew, and a rebuild finds what was found before.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from uuid import UUID

from proxy.conversations.findings.context_makeup import LEAST_TOKENS, makeup, tool_schemas
from proxy.conversations.findings.finding import Finding, FindingKind
from proxy.conversations.tree import Kind
from proxy.store.conversations.loading import Loaded
from proxy.store.findings.breaks import plain_body
from proxy.store.models import Exchange

# Turns whose schemas are no finding: so many a worker remembers, for a body does not change. Found ones are rows.
_REMEMBERED = 20_000


def schemas_in(loaded: Loaded, known: Mapping[UUID, str]) -> list[Finding]:
    """The finding, if there is one; `known` are the sentences that are stored, by their turn."""
    turn = _turn(loaded)
    if turn is None:
        return []
    if turn.id in known:
        return [Finding(FindingKind.TOOL_SCHEMAS, (turn.id,), known[turn.id])]
    found = _found(turn.id, turn.request_bytes, turn.counts.prompt)
    return [found] if found else []


def _turn(loaded: Loaded) -> Exchange | None:
    turns = list(_with_tools(loaded))
    return min(turns, key=lambda turn: (-loaded.turns[turn.id].tools, turn.id), default=None)


def _with_tools(loaded: Loaded) -> Iterator[Exchange]:
    for place in loaded.tree.places:
        is_of_thread = place.kind not in (Kind.SIDE, Kind.COMPACTION)
        turn = loaded.exchanges[place.id]
        if is_of_thread and loaded.turns[place.id].tools and turn.counts.prompt >= LEAST_TOKENS:
            yield turn


@lru_cache(_REMEMBERED)
def _found(turn: UUID, request_bytes: int, prompt_tokens: int) -> Finding | None:
    """By all that it follows from."""
    return tool_schemas(turn, makeup(plain_body(turn, "request"), prompt_tokens))
