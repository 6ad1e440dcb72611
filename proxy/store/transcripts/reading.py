"""Read a transcript: the tree first, then bodies in groups that fit into memory. What stays is what was new in each turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import msgspec

from proxy.conversations.tree import Place
from proxy.store.bodies.codings import plain
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.bodies.traffic import Side, Whole
from proxy.store.conversations.loading import load
from proxy.store.models import Conversation, Exchange
from proxy.store.months.retention import BODIES, why_gone
from proxy.store.transcripts.arranging import arranged
from proxy.store.transcripts.content import Reader
from proxy.store.transcripts.shapes import VERSION, Transcript, Turn
from proxy.store.transcripts.summary import error_of, facts_of_turn, summary_of, sums_of
from proxy.store.transfer.reading import read
from proxy.store.transfer.selection import in_groups
from proxy.wire.messages import read_response
from proxy.wire.request_shape import shape_of

_NOT_STORED = "no bodies are stored: they expired, or storage was off"


def transcript_of(conversation: Conversation) -> Transcript:
    """All of a conversation."""
    loaded = load(conversation)
    exchanges = loaded.exchanges
    places = {place.id: place for place in loaded.tree.places}
    reader = Reader()
    turns: dict[UUID, Turn] = {}
    for number, kept in enumerate(_kept([exchanges[id_] for id_ in places]), start=1):
        id_ = kept.whole.exchange.id
        turns[id_] = _turn(number, places[id_], kept, reader)
    found = arranged(loaded.tree, turns, lambda line: sums_of([exchanges[turn.request_id] for turn in line]))
    return Transcript(VERSION, summary_of(conversation), found.main, found.agents, found.side_calls)


@dataclass(frozen=True, slots=True)
class _Kept:
    """An exchange with what is kept of its bodies; `missing` says what is not, and why."""

    whole: Whole
    missing: str


def _kept(rows: Sequence[Exchange]) -> Iterator[_Kept]:
    gone: dict[datetime, str] = {}
    for group in in_groups(rows):
        try:
            for whole in read(group, bodies=True):
                yield _Kept(whole, _missing(whole, gone))
        except KeyUnavailable as error:
            # Raised before the first of a group.
            for row in group:
                yield _Kept(Whole(row, None), str(error))


def _missing(whole: Whole, gone: dict[datetime, str]) -> str:
    """`gone` remembers the reason of each month."""
    if whole.traffic is None:
        month = whole.exchange.month
        if month not in gone:
            gone[month] = why_gone(whole.exchange.id, BODIES) or _NOT_STORED
        return gone[month]
    sides = {"request": whole.traffic.request, "response": whole.traffic.response}
    return "; ".join(f"the {name} body {why}" for name, side in sides.items() if (why := _why(side)))


def _why(side: Side) -> str:
    if side.not_kept:
        return "is too large and was not kept"
    if side.dropped:
        return "was dropped because the spool was full or damaged"
    if side.damaged:
        return "is damaged: restore it from a backup"
    return "was not in the export from which it came" if side.body is None else ""


def _turn(number: int, place: Place, kept: _Kept, reader: Reader) -> Turn:
    facts = msgspec.structs.asdict(facts_of_turn(number, place, kept.whole.exchange))
    turn = Turn(**facts, missing=kept.missing or None, asked=[], results=[], response=[])
    _read_bodies(turn, kept.whole, reader)
    return turn


def _read_bodies(turn: Turn, whole: Whole, reader: Reader) -> None:
    if whole.traffic is None:
        return
    row, request, response = whole.exchange, whole.traffic.request, whole.traffic.response
    shape = shape_of(_plain(request)) if turn.retry_of is None else None
    if shape is not None:
        turn.asked, turn.results = reader.asked(shape.messages or (), row.id)
    kind = next((value for name, value in response.headers if name.lower() == "content-type"), "")
    content = read_response(row.status, kind, _plain(response))
    turn.response = reader.said(content.message, row.id)
    turn.error = turn.error or error_of(content.error_type or "", content.error_message or "")


def _plain(side: Side) -> bytes:
    return plain(side.body or b"", side.headers)
