"""Manifests hold what differs from the request before; whatever is missing or late costs bytes, never a body."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from proxy.record import Record
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.bodies.manifests import MAX_LINKS, common
from proxy.store.ingest import batch as ingest
from proxy.store.models import Exchange, ExchangeBody
from tests.roles import as_owner
from tests.store.agent_session import SESSION, AgentSession
from tests.store.records import NOON, make_batch, make_head, make_record

pytestmark = pytest.mark.django_db

TURNS = list(AgentSession().requests(40))
CHUNKS = st.lists(st.sampled_from([b"a", b"b", b"c"]))


def turn(body: bytes, number: int, *, start: datetime = NOON, **head: object) -> Record:
    headers = [("x-claude-code-session-id", SESSION)]
    return make_record(body, b"", head=make_head(start + timedelta(seconds=number), headers=headers, **head))


def turns(count: int, **head: object) -> list[Record]:
    return [turn(body, number, **head) for number, body in enumerate(TURNS[:count])]  # type: ignore[arg-type]  # a head's fields


def bodies(records: Sequence[Record]) -> list[bytes]:
    return [body_of(UUID(record.head.id), "request") for record in records]


def parent_of(record: Record) -> UUID | None:
    return ExchangeBody.objects.get(pk=record.head.id).parent


@given(chunks=CHUNKS, others=CHUNKS)
def test_the_beginning_and_the_end_that_two_requests_share_never_overlap(
    chunks: list[bytes], others: list[bytes]
) -> None:
    first, last = common(chunks, others)

    own = chunks[first : len(chunks) - last]
    assert first + last <= min(len(chunks), len(others))
    assert others[:first] + own + others[len(others) - last :] == chunks


@pytest.mark.parametrize("size", [1, 7, 40])
def test_a_session_in_batches_of_any_size_comes_back_byte_exact(size: int) -> None:
    records = turns(40)

    for at in range(0, 40, size):
        ingest.ingest(make_batch(*records[at : at + size]))

    assert bodies(records) == TURNS
    assert ExchangeBody.objects.filter(parent=None).count() == 3


def test_a_chain_of_manifests_has_no_more_links_than_allowed() -> None:
    ingest.ingest(make_batch(*turns(40)))

    parents = dict(ExchangeBody.objects.values_list("id", "parent"))
    lengths = []
    for item in parents:
        length, parent = 0, parents[item]
        while parent:
            length, parent = length + 1, parents[parent]
        lengths.append(length)
    assert max(lengths) == MAX_LINKS


def test_a_session_that_arrives_backwards_comes_back_byte_exact() -> None:
    records = turns(20)

    for record in reversed(records):
        ingest.ingest(make_batch(record))

    assert bodies(records) == TURNS[:20]


def test_a_chain_never_crosses_a_month() -> None:
    old = turn(TURNS[0], 0, start=datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    new = turn(TURNS[1], 1, start=datetime(2026, 10, 31, 23, 59, 59, tzinfo=UTC))
    ingest.ingest(make_batch(old))

    ingest.ingest(make_batch(new))

    assert parent_of(new) is None
    assert bodies([old, new]) == TURNS[:2]


@pytest.mark.parametrize("field", ["domain", "model", "session"])
def test_only_an_exchange_of_the_same_line_is_a_parent(field: str) -> None:
    ingest.ingest(make_batch(turn(TURNS[0], 0)))
    others = {
        "domain": turn(TURNS[1], 1, domain="b.example"),
        "model": turn(TURNS[1].replace(b'"model":"claude-', b'"model":"other-'), 1),
        "session": make_record(TURNS[1].replace(SESSION.encode(), b"")),
    }

    ingest.ingest(make_batch(others[field]))

    assert parent_of(others[field]) is None


def test_side_calls_of_another_model_do_not_break_the_chain() -> None:
    first, second = turns(2)
    unrelated = turn(b'{"model":"claude-haiku","messages":[{"role":"user","content":"title"}]}', 0)
    ingest.ingest(make_batch(first))
    ingest.ingest(make_batch(unrelated))

    ingest.ingest(make_batch(second))

    assert parent_of(second) == UUID(first.head.id)


def test_a_parent_without_a_body_is_not_used() -> None:
    first, second = turns(2)
    ingest.ingest(make_batch(first))
    with as_owner():
        ExchangeBody.objects.all().delete()

    ingest.ingest(make_batch(second))

    assert parent_of(second) is None
    assert bodies([second]) == [TURNS[1]]


def test_a_parent_whose_own_parent_is_gone_is_not_used_and_says_what_it_misses() -> None:
    first, second, third = turns(3)
    ingest.ingest(make_batch(first, second))
    with as_owner():
        ExchangeBody.objects.filter(pk=first.head.id).delete()

    ingest.ingest(make_batch(third))

    assert bodies([third]) == [TURNS[2]]
    with pytest.raises(BodyMissingError, match="needs that of another exchange, which is missing"):
        bodies([second])


def test_the_parents_of_a_batch_cost_one_query_that_reads_no_whole_table() -> None:
    ingest.ingest(make_batch(*turns(20)))
    batch = make_batch(
        *(turn(body, number, domain=name) for number, body in enumerate(TURNS[:3]) for name in "ab")
    )

    with CaptureQueriesContext(
        connection,
    ) as queries:
        ingest.ingest(batch)

    [asked] = [query["sql"] for query in queries if "RECURSIVE" in query["sql"]]
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {asked}")
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert "session_id" in plan
    assert "Seq Scan on proxy_exchange" not in plan


def test_a_dropped_body_is_nobodys_parent() -> None:
    dropped = turn(b"", 0, body_dropped=True, body_size=9)

    ingest.ingest(make_batch(dropped, *turns(1)))

    assert Exchange.objects.count() == 2
    assert not ExchangeBody.objects.exclude(parent=None).exists()
