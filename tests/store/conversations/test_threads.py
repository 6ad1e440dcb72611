"""Message threads without a session: each turn comes to lie where the first one does, whatever came first."""

import random
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from proxy.store.conversations.loading import load
from proxy.store.conversations.sums import title_of
from proxy.store.conversations.together import beyond_sessions
from proxy.store.findings import writing
from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation, ConversationHour, Offer, SearchText, Turn
from tests.conversations.clients import Sent, World, text
from tests.roles import as_owner
from tests.store.conversations.replayed import place_of, record_of
from tests.store.records import make_batch

pytestmark = pytest.mark.django_db

Json = dict[str, Any]


def thread(seed: int = 1, turns: int = 4, session: str = "", first_words: str = "Begin") -> list[Sent]:
    """Each request names the message before and holds what is new; only the first may name a session."""
    world = World(seed, session=session)
    previous = ""
    for number in range(turns):
        words = f"{world.words(5)} {number}" if number else first_words
        body: Json = {
            "model": "claude-sonnet-5",
            "max_tokens": 10,
            "messages": [{"role": "user", "content": [text(words)]}],
            "thread": {"type": "continue", "previous_message_id": previous}
            if previous
            else {"type": "create"},
        }
        previous = world.id("msg")
        response = {"type": "message", "id": previous, "role": "assistant", "content": [text(world.words(5))]}
        world.send(body, response, parent=number - 1 if number else None)
        world.session = ""
    return [replace(each, started_at=each.started_at + timedelta(hours=seed)) for each in world.sent]


def rest() -> None:
    """The task that looks at conversations runs until nothing waits."""
    while writing.run(timezone.now() + timedelta(minutes=3)):
        pass


def rows() -> list[list[tuple[object, ...]]]:
    """All that is stored of conversations."""
    return [
        [
            tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
            for row in model._default_manager.order_by("pk").values_list()
        ]
        for model in (Turn, Offer, Conversation, ConversationHour, SearchText)
    ]


def store(sent: list[Sent], domain: str = "a.example") -> None:
    for each in sent:
        ingest.ingest(make_batch(record_of(each, domain)))


@pytest.mark.parametrize("seed", range(6))
def test_in_any_order_a_thread_becomes_the_conversation_of_its_first_turn(seed: int) -> None:
    sent = thread()
    shuffled = random.Random(seed).sample(sent, len(sent)) if seed else sent
    for each in shuffled:
        store([each])
        if seed % 2:
            rest()
    assert seed or Conversation.objects.count() == len(sent)

    rest()

    row = Conversation.objects.get()
    assert (row.turns, row.input_tokens, place_of(row.first_id), title_of(row)) == (4, 40, 0, "Begin")
    assert {
        place_of(place.id): place.parent and place_of(place.parent) for place in load(row).tree.places
    } == {
        0: None,
        1: 0,
        2: 1,
        3: 2,
    }
    assert {text.conversation for text in SearchText.objects.all()} == {row.id}


def test_a_rebuild_gives_what_the_task_gave_and_finds_nothing_to_change_then() -> None:
    store(thread())
    store(thread(2, session="session-2"))
    rest()
    expected = rows()
    assert [row.turns for row in Conversation.objects.all()] == [4, 4]

    with as_owner():
        assert '"changed": 0' in rebuilt()
        Turn.objects.all().delete()
        Conversation.objects.all().delete()
        rebuilt("--apply")
    assert rows() == expected

    with as_owner():
        call_command("rebuild_search", "--apply", "--again", stdout=StringIO())
    rest()
    assert rows() == expected


def rebuilt(*options: str) -> str:
    output = StringIO()
    call_command("rebuild_conversations", "--json", *options, stdout=output)
    return output.getvalue()


def test_a_thread_stays_in_its_domain_and_a_turn_with_a_session_in_that() -> None:
    sent = thread(turns=2)
    store(sent[:1])
    store(sent[1:], "b.example")
    other = thread(7, turns=2)
    store([other[0], replace(other[1], session="session-7")])

    rest()

    assert sorted((row.domain, row.session_id, row.turns) for row in Conversation.objects.all()) == [
        ("a.example", "", 1),
        ("a.example", "", 1),
        ("a.example", "session-7", 1),
        ("b.example", "", 1),
    ]


def test_what_goes_on_without_the_session_that_the_first_turn_names_is_exported_with_it() -> None:
    store(thread(session="session-1"))

    rest()

    assert [row.session_id for row in Conversation.objects.all()] == ["session-1"]
    assert [place_of(id_) for id_ in beyond_sessions(["session-1"])] == [1, 2, 3]


def test_a_title_goes_with_its_turn_where_the_first_turn_gives_none() -> None:
    sent = thread(first_words="quota")
    store(sent)
    title = {title_of(row) for row in Conversation.objects.filter(title_id=sent[1].id)}

    rest()

    row = Conversation.objects.get()
    assert row.title_id == sent[1].id
    assert {title_of(row)} == title != {""}
