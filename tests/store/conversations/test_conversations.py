"""Conversations as ingest stores them: the same in whatever order, however often and over how many batches exchanges come."""

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.core.management import call_command
from django.db import connection
from pytest_django import Settings

from proxy.record import Record
from proxy.store.conversations import turns
from proxy.store.conversations.loading import load
from proxy.store.conversations.sums import title_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation, Exchange, Offer, Turn
from proxy.wire.request_shape import Message
from tests.conversations.clients import Sent, Thread, World, call, result, text
from tests.recordings import MISSING
from tests.roles import OWNER
from tests.store.conversations.replayed import SESSIONS, forget_all, place_of, record_of, recorded
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

Rows = list[tuple[object, ...]]


def session() -> list[Sent]:
    """Main with two agents, a compaction, a failure with its repeat, and an edit."""
    world = World(3)
    main = Thread(world)
    main.ask([text("Look at  the\nparser")], [used := call(world)])
    started = [call(world, "Agent", prompt=f"part {number}") for number in range(2)]
    asked = main.ask([result(used)], started)
    for number in range(2):
        agent = Thread(world, agent=f"a{number}", tools=3)
        agent.last = asked
        agent.ask([text(f"part {number}")], [inner := call(world)])
        agent.ask([result(inner)], [text("Done.")])
    main.ask([result(start) for start in started], [text("All done.")])
    other = main.fork()
    first = main.ask("go on", None)
    main.again([text("yes")], retry_of=first)
    main.compact()
    main.ask("more", [text("well")])
    other.ask("go elsewhere", [text("there")])
    return world.sent


def store(records: Sequence[Record], size: int = 3) -> None:
    for at in range(0, len(records), size):
        ingest.ingest(make_batch(*records[at : at + size]))


def rows() -> dict[str, Rows]:
    """All that is stored of conversations."""
    found = {}
    for table in ("proxy_turn", "proxy_offer", "proxy_conversation", "proxy_conversationhour"):
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT * FROM {table} ORDER BY id, 2")  # noqa: S608 - our names
            found[table] = [
                tuple(bytes(v) if isinstance(v, memoryview) else v for v in row) for row in cursor.fetchall()
            ]
    return found


def parents(conversation: Conversation) -> dict[int, int | None]:
    return {
        place_of(place.id): None if place.parent is None else place_of(place.parent)
        for place in load(conversation).tree.places
    }


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE proxy_turn, proxy_offer, proxy_conversation, proxy_conversationhour")


def test_a_session_is_one_conversation_with_its_sums_and_its_tree() -> None:
    sent = session()
    store([record_of(exchange) for exchange in sent])

    row = Conversation.objects.get()
    assert (row.session_id, row.domain, row.turns, row.failed) == ("session-1", "a.example", len(sent), 1)
    answered = len(sent) - 1
    assert (row.input_tokens, row.output_tokens) == (10 * answered, 5 * answered)
    assert row.agents == ["a0", "a1"]
    assert row.model_names == ["claude-sonnet-5"]
    assert title_of(row) == "Look at the parser"
    assert row.last_context == 15
    assert parents(row) == {exchange.place: exchange.parent for exchange in sent}


@pytest.mark.parametrize("seed", range(4))
def test_any_order_and_any_repetition_gives_the_same(seed: int) -> None:
    records = [record_of(exchange) for exchange in session()]
    store(records)
    expected = rows()
    forget_all()
    shuffled = (
        records if seed == 0 else random.Random(seed).sample([*records, *records[:5]], len(records) + 5)
    )
    if seed == 3:
        half = len(records) // 2
        shuffled = [*records[half:], *records[:half]]

    store(shuffled, size=seed + 1)

    assert rows() == expected


def test_a_request_with_more_blocks_than_any_conversation_is_stored_and_is_no_turn() -> None:
    world = World()
    thread = Thread(world)
    thread.ask([text("x" * 30) for _ in range(31_000)], [text("no")])
    thread.messages = [{"role": "user", "content": "x"}] * 31_000
    thread.again([text("no")])
    thread.messages = [{"role": "user", "content": [text("x" * 2_000_000)]}]
    thread.again([text("yes")])

    store([record_of(sent) for sent in world.sent])

    assert [place_of(turn.id) for turn in Turn.objects.all()] == [2]
    assert Exchange.objects.count() == 3


def test_what_a_worker_remembers_of_messages_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "_REMEMBERED", 5)
    monkeypatch.setattr(turns, "_REMEMBERED_CHARACTERS", 100)
    reader = turns.Reader()
    for size in (10, 10, 95, 30, 1000, *[1] * 10):
        words = f"{len(reader._known)} {'x' * size}"
        message = Message("user", msgspec.Raw(json.dumps(words).encode()))
        [summary] = reader.summaries([message])
        assert summary.text == words
        assert len(reader._known) <= 5
        assert sum(len(known.text) for known in reader._known.values()) == reader._characters <= 100


def test_conversations_of_two_domains_stay_apart() -> None:
    sent = session()
    store([record_of(exchange) for exchange in sent])
    store([record_of(exchange, "b.example") for exchange in _later(sent)])

    assert Conversation.objects.count() == 2
    assert {row.domain for row in Conversation.objects.all()} == {"a.example", "b.example"}
    for row in Conversation.objects.all():
        assert set(parents(row).values()) == {exchange.parent for exchange in sent}


def _later(sent: Sequence[Sent]) -> Iterator[Sent]:
    for exchange in sent:
        yield replace(exchange, started_at=exchange.started_at + timedelta(hours=1))


@pytest.mark.parametrize("damage", ["missing", "changed", "nothing"])
def test_a_rebuild_gives_what_ingest_gave(damage: str) -> None:
    store([record_of(exchange) for exchange in session()])
    expected = rows()
    if damage == "missing":
        empty()
    elif damage == "changed":
        Turn.objects.update(own=b"x" * 16)
        Offer.objects.all().delete()
        Conversation.objects.update(turns=0, title=b"")

    differing = _rebuilt()
    assert (differing["changed"] > 0) == (damage != "nothing")
    if damage == "missing":
        assert not Turn.objects.exists()

    _rebuilt("--apply")
    assert rows() == expected
    assert _rebuilt()["changed"] == 0


def _rebuilt(*options: str) -> dict[str, Any]:
    output = StringIO()
    call_command("rebuild_conversations", "--json", *options, stdout=output)
    found: dict[str, Any] = json.loads(output.getvalue())
    return found


def test_with_encryption_no_words_and_no_hash_of_words_lie_in_the_tables(settings: Settings) -> None:
    store([record_of(exchange) for exchange in session()])
    plain = rows()
    forget_all()
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = True, [b"k" * 32]

    store([record_of(exchange) for exchange in session()])

    row = Conversation.objects.get()
    assert b"parser" not in bytes(row.title)
    assert title_of(row) == "Look at the parser"
    keys = {value for row in plain["proxy_turn"] for value in row if isinstance(value, bytes)} - {b""}
    assert not keys & {value for row in rows()["proxy_turn"] for value in row if isinstance(value, bytes)}


@pytest.mark.skipif(not SESSIONS, reason=MISSING)
@pytest.mark.parametrize("way", ["in order", "shuffled", "halves", "twice"])
@pytest.mark.parametrize("name", [path.name.partition(".")[0] for path in SESSIONS] or ["none"])
def test_recorded_sessions_give_their_true_tree(name: str, way: str) -> None:
    records, truth = recorded(name)
    half = len(records) // 2
    ordered = {
        "in order": records,
        "shuffled": random.Random(name).sample(records, len(records)),
        "halves": [*records[half:], *records[:half]],
        "twice": [*records, *records],
    }[way]
    store(ordered, size=7)

    _compare(load(Conversation.objects.get(session_id=next(iter(truth["sessions"])))), truth)


def _compare(loaded: Any, truth: dict[str, Any]) -> None:
    places = {place_of(place.id): place for place in loaded.tree.places}
    kinds = {"side": truth["side_calls"], "compaction": truth["compaction_calls"], "main": truth["main"]}
    for kind, expected in kinds.items():
        assert [at for at, place in places.items() if place.kind == kind] == expected
    agents = {agent.id: agent for agent in loaded.tree.agents}
    assert agents.keys() == truth["sub_agents"].keys()
    for agent, expected in truth["sub_agents"].items():
        assert [at for at, place in places.items() if place.agent_id == agent] == expected
        _one_line(expected[1:], expected[0], places, truth)
    for spawn in truth["spawns"]:
        agent = agents[spawn["agent"]]
        assert (place_of(agent.called_by), agent.tool_id) == (spawn["by_exchange"], spawn["tool_use_id"])
        assert agent.parent_id == (spawn["spawner_agent"] or "")
        assert place_of(places[spawn["first_exchange"]].parent) == spawn["by_exchange"]
    for first, again in truth["retried"]:
        assert place_of(places[again].retry_of) == first
    _one_line(truth["main"][1:], truth["main"][0], places, truth)


def _one_line(line: Sequence[int], before: int, places: dict[int, Any], truth: dict[str, Any]) -> None:
    """Each turn goes on from the one before it; a repeat from where its first attempt went on from."""
    first_attempts = {again: first for first, again in truth["retried"]}
    compactions = dict(zip(truth["first_main_after_compaction"], truth["compaction_calls"], strict=True))
    for at in line:
        parent: UUID = places[at].parent
        if at in first_attempts:
            assert parent == places[first_attempts[at]].parent
        else:
            assert place_of(parent) == compactions.get(at, before)
        assert places[at].branch == 0
        before = at
