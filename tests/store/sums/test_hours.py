"""Sums by conversation, agent and hour: they add up to the rollups, and PostgreSQL counts the same as ingest."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import Count, Sum

from proxy.metrics import SUMS
from proxy.record import Record
from proxy.store.conversations import sums as conversations
from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation, ConversationHour, Exchange, Offer, Turn
from proxy.store.rebuilding import conversations as rebuilding
from proxy.store.rebuilding import rollups
from proxy.store.sums.hours import hour_id
from tests.conversations.clients import Sent
from tests.roles import OWNER
from tests.store import random_traffic
from tests.store.conversations.replayed import record_of
from tests.store.conversations.test_conversations import session
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

Rows = list[tuple[object, ...]]


def rows() -> Rows:
    return list(ConversationHour.objects.order_by("id").values_list())


def spread(sent: Sequence[Sent], step: timedelta = timedelta(minutes=17)) -> list[Record]:
    """As if a session took its time: one exchange after the other, over hours."""
    moments = [datetime(2026, 8, 31, 21, 50, tzinfo=UTC) + number * step for number in range(len(sent))]
    return [record_of(replace(each, started_at=at)) for each, at in zip(sent, moments, strict=True)]


def counted_anew() -> Rows:
    """By PostgreSQL, of nothing but what is stored."""
    ConversationHour.objects.all().delete()
    rebuilding.count(lambda done, of: None)
    return rows()


def test_postgres_makes_the_same_id() -> None:
    random = Random(5)
    for agent in ("", "a1", "Ω" * 120):
        exchange, conversation = (UUID(int=random.getrandbits(128)) for _ in range(2))
        with connection.cursor() as cursor:
            cursor.execute("SELECT nexus_hour_id(%s, %s, %s)", [exchange, conversation, agent])
            assert cursor.fetchone() == (hour_id(exchange, conversation, agent),)


def test_an_hour_of_an_agent_is_a_row_and_all_of_them_are_the_session() -> None:
    sent = session()
    for record in spread(sent):
        ingest.ingest(make_batch(record))

    talk = Conversation.objects.get()
    found = {
        (row.agent, row.id.int >> 80): row.requests
        for row in ConversationHour.objects.filter(conversation=talk.id)
    }
    expected: dict[tuple[str, int], int] = {}
    for row in Exchange.objects.all():
        key = (row.agent_id, (row.id.int >> 80) // 3_600_000 * 3_600_000)
        expected[key] = expected.get(key, 0) + 1
    assert found == expected
    assert {agent for agent, _ in found} == {"", "a0", "a1"}
    total = ConversationHour.objects.aggregate(**{name: Sum(name) for name in SUMS})
    assert (total["requests"], total["errors"], total["cost_usd"]) == (talk.turns, talk.failed, talk.cost_usd)


def test_all_turns_are_counted_and_nothing_else(prices: None) -> None:
    for batch in random_traffic.batches(Random(11), 150):
        ingest.ingest(make_batch(*batch))

    turns = Exchange.objects.filter(id__in=Turn.objects.values("id"))
    names = ("cost_usd", "duration_ms", "tool_calls")
    stated = turns.aggregate(requests=Count("id"), **{name: Sum(name) for name in names})
    assert 0 < stated["requests"] < Exchange.objects.count()
    assert ConversationHour.objects.aggregate(**{name: Sum(name) for name in stated}) == stated


@pytest.mark.parametrize("size", [1, 4, 100])
def test_counted_anew_they_are_what_ingest_made_of_them(prices: None, size: int) -> None:
    records = [record for batch in random_traffic.batches(Random(3), 120) for record in batch]
    records += spread(session())
    for at in range(0, len(records), size):
        ingest.ingest(make_batch(*records[at : at + size]))
    made = rows()
    assert len(made) > 30

    assert counted_anew() == made


def test_a_rebuild_fills_what_is_missing_and_takes_away_what_is_too_much(prices: None) -> None:
    for batch in random_traffic.batches(Random(13), 120):
        ingest.ingest(make_batch(*batch))
    made = rows()
    some = list(ConversationHour.objects.order_by("id")[:6])
    some[0].delete()
    ConversationHour.objects.filter(id=some[1].id).update(requests=77, cost_usd=0)
    stray = UUID(int=some[2].id.int + 1)
    ConversationHour.objects.create(id=stray, conversation=some[2].conversation, requests=1)

    reported = rollups.rebuild(rollups.Asked(dry_run=True))
    assert rows() != made
    done = rollups.rebuild(rollups.Asked())

    assert sum(difference.rows for difference in done.agents) == 3
    assert reported.agents == done.agents
    assert rows() == made
    assert rollups.rebuild(rollups.Asked()).agents == []


def test_a_rebuild_of_some_hours_leaves_the_others_alone(prices: None) -> None:
    ingest.ingest(make_batch(*spread(session(), timedelta(hours=1))))
    made = rows()
    ConversationHour.objects.update(requests=0)
    since, until = (datetime(2026, 9, 1, hour, tzinfo=UTC) for hour in (2, 5))

    done = rollups.rebuild(rollups.Asked(since=since, until=until))

    assert [difference.of for difference in done.agents] == [since + timedelta(hours=n) for n in range(3)]
    fixed = ConversationHour.objects.filter(requests__gt=0).order_by("id").values_list()
    assert len(fixed) == 3
    assert set(fixed) < set(made)


def test_another_price_is_counted_in_its_hour_alone(prices: None) -> None:
    ingest.ingest(make_batch(*spread(session())))
    before = dict(ConversationHour.objects.values_list("id", "cost_usd"))
    row = Exchange.objects.filter(cost_usd__gt=0).order_by("id")[3]
    dearer = Exchange.objects.get(pk=row.pk)
    dearer.cost_usd = (row.cost_usd or 0) + Decimal(2)

    conversations.replace([row], [dearer])

    now = dict(ConversationHour.objects.values_list("id", "cost_usd"))
    talk = Conversation.objects.get().id
    changed = {id_: now[id_] - cost for id_, cost in before.items() if now[id_] != cost}
    assert changed == {hour_id(row.id, talk, row.agent_id): 2}
    assert len(now) == len(before)


def test_turns_from_before_there_were_any_are_counted_with_those_that_came_since(prices: None) -> None:
    ingest.ingest(make_batch(*spread(session())))
    made, talks = rows(), list(Conversation.objects.values("first_id", "turns", "cost_usd"))
    early = list(Turn.objects.order_by("id").values_list("id", flat=True)[:5])
    for model in (Turn, Offer):
        model._default_manager.filter(id__in=early).delete()
    rebuilding.count(lambda done, of: None)
    assert len(rows()) < len(made)

    rebuilding.rebuild(None, None, apply=True)

    assert rows() == made
    assert list(Conversation.objects.values("first_id", "turns", "cost_usd")) == talks
