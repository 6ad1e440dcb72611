"""Cache breaks and loops of stored conversations: found two minutes behind ingest, and anew when a late turn changes them."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from proxy.record import Record
from proxy.store.conversations import pending
from proxy.store.conversations.loading import load
from proxy.store.findings import writing
from proxy.store.ingest import batch as ingest
from proxy.store.models import CacheBreak, Conversation, Finding, PendingConversation
from proxy.store.tasks import find
from tests import people
from tests.conversations.clients import Json, Sent, Thread, World, call, result, text
from tests.recordings import MISSING
from tests.roles import OWNER
from tests.store.conversations.replayed import SESSIONS, forget_all, place_of, record_of, recorded
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

LATER = timedelta(minutes=3)


def usage(read: int, write: int) -> Json:
    return {
        "input_tokens": 10,
        "output_tokens": 5,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": write,
        "cache_creation": {"ephemeral_5m_input_tokens": write, "ephemeral_1h_input_tokens": 0},
    }


def store(records: Sequence[Record]) -> None:
    ingest.ingest(make_batch(*records))


def look() -> None:
    writing.run(timezone.now() + LATER)


def talk(change: Callable[[Json], None], read: int = 0) -> list[Sent]:
    """Three turns, whose third has something changed and reads so much of the 20,000 tokens that the second left."""
    world = World()
    thread = Thread(world)
    thread.ask(
        [text("go")],
        [first := call(world)],
    )
    thread.ask([result(first)], [second := call(world)])
    thread.ask([result(second)], [text("Done.")])
    for sent, (was_read, written) in zip(
        world.sent, ((0, 15_000), (15_000, 5_000), (read, 20_500 - read)), strict=True
    ):
        assert sent.response
        sent.response["usage"] = usage(was_read, written)
        sent.body["messages"][-1][
            "content"
        ].pop()  # the reminder that the next request leaves out is a change
        sent.body["system"] = [text("You are an agent.") | {"cache_control": {"type": "ephemeral"}}]
    change(world.sent[2].body)
    return world.sent


def changed_tool(body: Json) -> None:
    body["tools"][1]["description"] = "another"


def changed_system(body: Json) -> None:
    body["system"][0]["text"] = "You are another agent."


def changed_history(body: Json) -> None:
    body["messages"][0]["content"][0]["text"] = "go away"


def nothing(body: Json) -> None:
    pass


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        (changed_tool, "tool changed"),
        (changed_system, "system"),
        (changed_history, "history"),
        (nothing, "unknown"),
    ],
)
def test_a_break_is_stored_with_what_it_lost_and_why(change: Callable[[Json], None], cause: str) -> None:
    people.make_price("claude-sonnet-5")
    store([record_of(sent) for sent in talk(change)])

    look()

    found = CacheBreak.objects.get()
    assert (place_of(found.id), place_of(found.parent), found.lost_tokens) == (2, 1, 20_000)
    assert found.cause.startswith(cause), found.cause
    assert found.avoidable_usd is not None
    assert found.avoidable_usd > Decimal(0)


def test_where_all_was_read_there_is_no_break() -> None:
    store([record_of(sent) for sent in talk(nothing, read=20_000)])

    look()

    assert not CacheBreak.objects.exists()


def test_a_turn_is_looked_at_two_minutes_after_the_last_one_came() -> None:
    store([record_of(sent) for sent in talk(changed_tool)])
    noted = PendingConversation.objects.get().changed_at

    assert pending.due(noted + timedelta(seconds=119), 10) == []
    find.apply()
    assert not CacheBreak.objects.exists()

    assert writing.run(noted + timedelta(seconds=121)) == 1
    assert CacheBreak.objects.exists()
    assert not PendingConversation.objects.exists()
    assert writing.run(noted + LATER) == 0


def test_what_comes_while_a_conversation_is_looked_at_is_looked_at_later() -> None:
    sent = talk(changed_tool)
    store([record_of(sent[0])])
    [taken] = pending.due(timezone.now() + LATER, 10)

    store([record_of(sent[1])])
    pending.done(taken)

    assert PendingConversation.objects.count() == 1


@pytest.mark.parametrize("late", [0, 1, 2])
def test_a_late_turn_changes_what_was_found(late: int) -> None:
    records = [record_of(sent) for sent in talk(changed_tool)]
    store(records)
    look()
    expected = list(CacheBreak.objects.values())
    forget_all()

    store([record for at, record in enumerate(records) if at != late])
    look()
    before = list(CacheBreak.objects.values())
    store([records[late]])
    look()

    assert before != expected or late == 0
    assert list(CacheBreak.objects.values()) == expected


def test_of_a_long_conversation_the_newest_turns_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    sent = talk(changed_tool)
    store([record_of(exchange) for exchange in sent])
    look()
    expected = list(CacheBreak.objects.values())
    world = World()
    thread = Thread(world)
    thread.ask("another", [text("thing")])
    thread.ask("and more", [text("words")])
    later = [
        replace(exchange, started_at=exchange.started_at + timedelta(hours=1)) for exchange in world.sent
    ]
    monkeypatch.setattr(writing, "MOST_TURNS", 2)

    store([record_of(exchange) for exchange in later])
    look()

    assert Conversation.objects.get().turns == 5
    assert list(CacheBreak.objects.values()) == expected


def circle() -> list[Sent]:
    """The same call with the same result three times, and an answer that was cut."""
    world = World()
    thread = Thread(world)
    content: list[Json] = [text("go")]
    for _ in range(3):
        used = call(world, "Read", file_path="/a")
        thread.ask(content, [used])
        content = [result(used, "no such file")]
    thread.ask(content, [text("I give")])
    return world.sent


def test_loops_and_cut_answers_are_stored_with_their_turns() -> None:
    records = [record_of(sent) for sent in circle()]
    cut = records[3]
    records[3] = type(cut)(
        cut.serial,
        cut.head,
        cut.closing,
        cut.request_body,
        json.dumps(json.loads(cut.response_body) | {"stop_reason": "max_tokens"}).encode(),
    )
    store(records)

    look()

    found = {row.kind: row for row in Finding.objects.all()}
    assert found.keys() == {"repeated call", "cut answers"}
    assert sorted(map(place_of, found["repeated call"].turns)) == [0, 1, 2]
    assert "Read" in found["repeated call"].sentence
    assert [*map(place_of, found["cut answers"].turns)] == [3]


def test_a_failing_conversation_keeps_no_other_one_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    store([record_of(sent) for sent in talk(changed_tool)])
    store([record_of(sent, "b.example") for sent in _other()])
    [first, _] = Conversation.objects.order_by("domain")

    def broken(row: Conversation, most: int, *, whole: bool) -> Any:
        if row.id == first.id:
            raise ValueError("broken")
        return load(row, most, whole=whole)

    monkeypatch.setattr(writing, "load", broken)

    assert writing.run(timezone.now() + LATER) == 2
    assert [row.domain for row in CacheBreak.objects.all()] == ["b.example"]


def _other() -> list[Sent]:
    sent = talk(changed_tool)
    for exchange in sent:
        exchange.started_at = datetime(2026, 11, 21, 9, 0, exchange.place, tzinfo=UTC)
    return sent


@pytest.mark.skipif(not SESSIONS, reason=MISSING)
@pytest.mark.parametrize("name", [path.name.partition(".")[0] for path in SESSIONS] or ["none"])
def test_recorded_sessions_hold_no_loop(name: str) -> None:
    store(recorded(name)[0])

    look()

    assert not Finding.objects.exists()
