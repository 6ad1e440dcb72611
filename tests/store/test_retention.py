"""A month is dropped whole; what is pinned survives byte-exact, and nothing else."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection

from proxy.record import Record
from proxy.store import ingest
from proxy.store.blobs import body_of
from proxy.store.models import Exchange, ExchangeBody, Pin, Receipt
from tests.store.agent_session import SESSION, AgentSession
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = pytest.mark.django_db

OLD = datetime(2026, 1, 20, 12, tzinfo=UTC)
JANUARY = date(2026, 1, 1)
TURNS = list(AgentSession().requests(40))


def drop(part: str, month: date = JANUARY) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_drop_month(%s, %s)", [month, part])
        [kept] = cursor.fetchone() or [None]
    return kept


def session(turns: Sequence[bytes] = TURNS, *, start: datetime = OLD) -> list[Record]:
    """The requests of one agent, each with an answer of its own."""
    headers = [("x-claude-code-session-id", SESSION)]
    return [
        make_record(
            body, say(f"answer {number}"), head=make_head(start + timedelta(seconds=number), headers=headers)
        )
        for number, body in enumerate(turns)
    ]


def id_of(record: Record) -> UUID:
    return UUID(record.head.id)


def both_bodies(record: Record) -> tuple[bytes, bytes]:
    return body_of(id_of(record), "request"), body_of(id_of(record), "response")


def test_a_month_without_pins_is_dropped_whole() -> None:
    record = make_record(head=make_head(OLD))
    ingest.ingest(make_batch(record, make_record()))

    assert (drop("bodies"), drop("metadata")) == (0, 0)

    assert Exchange.objects.count() == ExchangeBody.objects.count() == Receipt.objects.count() == 1


@pytest.mark.parametrize("number", [0, 5, 16, 17, 39])
def test_a_pinned_exchange_survives_and_nothing_else(number: int) -> None:
    records = session()
    ingest.ingest(make_batch(*records))
    ingest.ingest(make_batch(make_record(ask("unrelated"), head=make_head(OLD))))
    Pin.objects.create(exchange=id_of(records[number]))

    assert (drop("bodies"), drop("metadata")) == (1, 1)

    assert both_bodies(records[number]) == (TURNS[number], records[number].response_body)
    assert [one.id for one in Exchange.objects.all()] == [id_of(records[number])]
