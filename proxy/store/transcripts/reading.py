"""Read a transcript: the tree first, then bodies in groups that fit into memory. What stays is what was new in each turn."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from accounts.secrets.masking import mask_text
from proxy.conversations.tree import Place
from proxy.store.bodies.codings import plain
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.bodies.traffic import Side, Whole
from proxy.store.conversations.loading import load
from proxy.store.models import Conversation, Exchange
from proxy.store.months.retention import BODIES, why_gone
from proxy.store.transcripts.arranging import arranged
from proxy.store.transcripts.content import Reader
from proxy.store.transcripts.shapes import VERSION, Transcript, Turn, cost_of
from proxy.store.transcripts.summary import summary_of, sums_of
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
    row = kept.whole.exchange
    turn = Turn(
        number=number,
        request_id=row.id,
        parent_id=place.parent,
        linked_by=place.found_by,
        kind=place.kind,
        agent_id=mask_text(place.agent_id) or None,
        branch=place.branch,
        retry_of=place.retry_of,
        started_at=row.started_at,
        duration_ms=row.duration_ms,
        outcome=row.outcome,
        status=row.status or None,
        model=mask_text(row.model),
        cost_usd=None if row.cost_usd is None else float(row.cost_usd),
        cost=None if row.cost_usd is None else cost_of(row.cost_usd),
        cost_state=row.cost_state,
        input_tokens=row.input_tokens,
        output_tokens=row.output_tokens,
        cache_read_input_tokens=row.cache_read_tokens,
        cache_creation_input_tokens=row.cache_write_tokens,
        error=_error(row.error_type, row.error_message),
        missing=kept.missing or None,
        asked=[],
        results=[],
        response=[],
    )
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
    turn.error = turn.error or _error(content.error_type or "", content.error_message or "")


def _error(kind: str, message: str) -> str | None:
    return mask_text(": ".join(part for part in (kind, message) if part)) or None


def _plain(side: Side) -> bytes:
    return plain(side.body or b"", side.headers)
