"""The conversations as rows that ingest would write, once for each period, in tables beside the real ones."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import connection

from proxy.record import Record
from proxy.store.bodies.blobs import ChunkWriter
from proxy.store.bodies.manifests import Lines
from proxy.store.bodies.traffic import traffic_of
from proxy.store.conversations import turns as keys
from proxy.store.conversations.turns import NewTurn
from proxy.store.ingest import facts
from proxy.store.ingest.storing import body_row
from proxy.store.models import Exchange, ExchangeBody
from proxy.store.postgres.bulk import copy_in
from proxy.store.pricing.book import book
from proxy.store.search.rows import text_rows
from proxy.store.seeding.calendar import Period
from proxy.store.seeding.conversations import Conversation

_NOBODY = UUID(int=0)
# Each copy gets its own session in their place.
_SESSION_HEADERS = ("x-claude-code-session-id", "x-claude-code-agent-id")

CREATE = """
CREATE UNLOGGED TABLE seed_exchange (LIKE proxy_exchange);
CREATE UNLOGGED TABLE seed_body (LIKE proxy_exchangebody);
CREATE UNLOGGED TABLE seed_keys (LIKE proxy_turn, title text);
CREATE UNLOGGED TABLE seed_text (LIKE proxy_text);
CREATE UNLOGGED TABLE seed_offer (LIKE proxy_offer);
CREATE UNLOGGED TABLE seed_turn (
    id uuid PRIMARY KEY, period integer, conversation integer, turn integer, offset_ms bigint,
    UNIQUE (period, conversation, turn)
);
"""
DROP = "DROP TABLE IF EXISTS seed_exchange, seed_body, seed_keys, seed_offer, seed_text, seed_turn;"
_TITLE = "UPDATE seed_keys SET title = new.title FROM unnest(%s::uuid[], %s::text[]) AS new (id, title) WHERE new.id = seed_keys.id"
_TURN = "COPY seed_turn (id, period, conversation, turn, offset_ms) FROM STDIN"


def write(conversations: Sequence[Conversation], number: int, period: Period, *, bodies: bool) -> None:
    """Read the conversations at the prices of a period; their pieces are stored in its month."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_ensure_month(%s)", [period.start.date()])
    prices, writer, reader = book(), ChunkWriter(), keys.reader()
    exchanges: list[Exchange] = []
    new_turns: list[NewTurn] = []
    kept: list[ExchangeBody] = []
    turns: list[tuple[object, ...]] = []
    for position, conversation in enumerate(conversations):
        lines = Lines(())
        for turn, exchange_of_turn in enumerate(conversation.turns):
            exchange_id = _id(period, number, position, turn)
            record = _at(exchange_of_turn.record, exchange_id, period)
            found = facts.read(record, _NOBODY, prices, reader=reader)
            exchange = found.exchange
            exchanges.append(exchange)
            new_turns += [found.turn] if found.turn else []
            kept.append(_body(exchange, record, writer, lines))
            turns.append((exchange_id, number, position, turn, exchange_of_turn.offset_ms))
    copy_in(exchanges, "seed_exchange")
    copy_in(kept, "seed_body")
    copy_in([turn.turn for turn in new_turns], "seed_keys")
    copy_in([offer for turn in new_turns for offer in turn.offers], "seed_offer")
    # What is sealed opens under the id that it was sealed for, and copies have others.
    copy_in(text_rows(new_turns, writer) if bodies and not settings.BODY_ENCRYPTION else [], "seed_text")
    with connection.cursor() as cursor, cursor.copy(_TURN) as copy:
        for row in turns:
            copy.write_row(row)
    with connection.cursor() as cursor:
        cursor.execute(_TITLE, [[turn.turn.id for turn in new_turns], [turn.title for turn in new_turns]])
    if bodies:
        writer.store()


def _id(period: Period, number: int, position: int, turn: int) -> UUID:
    """A UUIDv7 of the period's first moment, which tells the turn apart from all others."""
    moment = round(period.start.timestamp() * 1000)
    return UUID(int=moment << 80 | 7 << 76 | 2 << 62 | number << 40 | position << 20 | turn)


def _at(record: Record, exchange_id: UUID, period: Period) -> Record:
    head = msgspec.structs.replace(
        record.head,
        id=str(exchange_id),
        started_at=period.start.timestamp(),
        body_size=len(record.request_body),
    )
    return msgspec.structs.replace(record, head=head)


def _body(exchange: Exchange, record: Record, writer: ChunkWriter, lines: Lines) -> ExchangeBody:
    headers = [pair for pair in record.head.headers if pair[0] not in _SESSION_HEADERS]
    head = msgspec.structs.replace(record.head, headers=headers)
    return body_row(exchange, traffic_of(msgspec.structs.replace(record, head=head)), writer, lines)
