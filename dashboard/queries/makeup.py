"""What fills the context of a turn, and of turns along a line: sizes in their requests against the tokens that the API counted.

Bounded: of a long line the fullest turn of each stretch is looked at, so that MOST_TURNS requests and about MOST_BYTES are read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from uuid import UUID

from dashboard.queries import exchanges
from proxy.conversations.findings import context_makeup
from proxy.conversations.findings.context_makeup import LEAST_TOKENS, Certainty, Makeup
from proxy.conversations.parents import LinkKind
from proxy.store.bodies.codings import plain
from proxy.store.conversations.loading import Loaded
from proxy.store.models import Exchange

MOST_TURNS, LEAST_TURNS = 48, 6
MOST_BYTES = 24 * 1024**2
# Less tells nothing of what it is made of.
LEAST_ADDED = 1_000
_AT_ONCE = 8
# An agent's first prompt is no continuation of that of its caller.
_GOES_ON = frozenset(LinkKind) - {LinkKind.AGENT}


@dataclass(frozen=True, slots=True)
class Filled:
    """What fills the context of a turn; `added` is what it has more than `parent`, both None where it goes on from none.

    `why` says why nothing is estimated, "" where something is.
    """

    makeup: Makeup
    parent: Exchange | None = None
    added: Makeup | None = None
    why: str = ""


def is_large(exchange: Exchange) -> bool:
    """Whether its prompt is one that bytes tell something of."""
    return exchange.counts.prompt >= LEAST_TOKENS


def of_turn(exchange: Exchange, body: bytes, conversation: Loaded | None) -> Filled | None:
    """None for a small prompt, and for what is no turn of a conversation. `body` is the request, b"" where nobody has it."""
    if conversation is None or not is_large(exchange):
        return None
    makeup = context_makeup.makeup(body, exchange.counts.prompt)
    parent = _answered_before(exchange.id, conversation)
    added = _added(parent, exchange, body) if parent else None
    return Filled(makeup, parent, added, _why_not(makeup))


def along(turns: Sequence[Exchange]) -> list[tuple[Exchange, Makeup]]:
    """Of the fullest turn of each stretch of a line, those whose request can be read."""
    chosen = sampled(turns)
    groups = (chosen[start : start + _AT_ONCE] for start in range(0, len(chosen), _AT_ONCE))
    found = [each for group in groups for each in _makeups(group)]
    return [(turn, makeup) for turn, makeup in found if makeup.certainty is not Certainty.NONE]


def sampled(turns: Sequence[Exchange]) -> list[Exchange]:
    """The fullest turn of each of so many stretches, so that a peak before a compaction is one of them."""
    large = [turn for turn in turns if is_large(turn)]
    if not large:
        return []
    affordable = MOST_BYTES * len(large) // max(1, sum(turn.request_bytes for turn in large))
    count = min(len(large), MOST_TURNS, max(LEAST_TURNS, affordable))
    borders = [index * len(large) // count for index in range(count + 1)]
    stretches = (large[start:end] for start, end in pairwise(borders))
    return [max(stretch, key=lambda turn: turn.counts.prompt) for stretch in stretches]


def _makeups(turns: Sequence[Exchange]) -> Iterator[tuple[Exchange, Makeup]]:
    requests = _requests(turns)
    for turn in turns:
        if turn.id in requests:
            yield turn, context_makeup.makeup(requests[turn.id], turn.counts.prompt)


def _requests(turns: Sequence[Exchange]) -> dict[UUID, bytes]:
    return {
        id_: plain(traffic.request.body, traffic.request.headers)
        for id_, traffic in exchanges.traffic_of(turns).items()
        if traffic.request.body is not None
    }


def _why_not(makeup: Makeup) -> str:
    if makeup.certainty is not Certainty.NONE:
        return ""
    if makeup.shares:
        return "It continues a message thread: its request holds only what is new."
    return "Its request cannot be read any more, or holds no messages."


def _answered_before(turn: UUID, conversation: Loaded) -> Exchange | None:
    """The nearest turn before it whose tokens are known."""
    return next((row for row in _ancestors(turn, conversation) if row.input_tokens is not None), None)


def _ancestors(turn: UUID, conversation: Loaded) -> Iterator[Exchange]:
    places = {place.id: place for place in conversation.tree.places}
    place = places.get(turn)
    while place and place.parent and place.found_by in _GOES_ON:
        if place.parent not in places:
            break
        place = places[place.parent]
        yield conversation.exchanges[place.id]


def _added(parent: Exchange, exchange: Exchange, body: bytes) -> Makeup:
    before, after = parent.counts.prompt, exchange.counts.prompt
    request = _requests([parent]).get(parent.id, b"") if after - before >= LEAST_ADDED else b""
    if not request or not body:
        return Makeup(after - before, Certainty.EXACT, ())
    return context_makeup.added(request, body, before, after)
