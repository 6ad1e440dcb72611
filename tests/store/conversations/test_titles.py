"""What a conversation is called: the first words of a person, whichever exchange came first."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.core.management import call_command
from pytest_django import Settings

from proxy.store.conversations.sums import title_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation, Turn
from tests.conversations.clients import BEGIN, CONTINUED, Sent, Thread, World, text
from tests.roles import OWNER
from tests.store.conversations.replayed import forget_all, place_of, record_of
from tests.store.months.test_retention import drop, drop_all
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

AUXILIARY = {"x-claude-code-request-class": "auxiliary"}
JANUARY, FEBRUARY = datetime(2026, 1, 31, 12, tzinfo=UTC), datetime(2026, 2, 3, 12, tzinfo=UTC)


def session() -> list[Sent]:
    """As Claude Code begins one: a quota probe, a title and a topic, an agent that is early; then what a person asked."""
    world = World(5)
    beside = Thread(world, tools=0)
    beside.ask(" Quota ", [text("#")], kind="side")
    Thread(world, tools=0).ask(
        "<session>\nLook at it\n</session>\n\nWrite a title", [text("Look")], kind="side"
    )
    Thread(world, tools=0).ask("Is this a new topic?", [text("no")], kind="side", headers=AUXILIARY)
    Thread(world, agent="a0").ask("You are a part", [text("Done.")])
    main = Thread(world)
    main.ask([text("Look at  it")], [text("Yes.")])
    main.compact()
    main.ask("and now that", [text("well")])
    return world.sent


def store(sent: list[Sent]) -> Conversation:
    for each in sent:
        ingest.ingest(make_batch(record_of(each)))
    return Conversation.objects.get()


@pytest.mark.parametrize("seed", range(4))
def test_side_calls_and_agents_give_no_title_in_any_order(seed: int) -> None:
    sent = session()

    row = store(random.Random(seed).sample(sent, len(sent)) if seed else sent)

    assert row.title_id is not None
    assert (title_of(row), place_of(row.title_id), place_of(row.first_id)) == ("Look at it", 4, 0)
    giving = Turn.objects.filter(gives_title=True).order_by("id").values_list("id", flat=True)
    assert [place_of(id_) for id_ in giving] == [4, 5]


def test_a_session_that_is_continued_is_called_by_what_was_asked_for() -> None:
    world = World(5)
    said = CONTINUED.format("1. Primary Request and Intent:\n   Mend the parser.\n\n2. Files:\n   a.py")
    Thread(world).ask([text(said)], [text("Yes.")])
    row = store(world.sent)

    assert title_of(row) == "Mend the parser."


def test_one_whose_summary_does_not_say_it_has_no_title() -> None:
    world = World(5)
    Thread(world).ask([text(CONTINUED.format("We looked."))], [text("Yes.")])

    assert title_of(store(world.sent)) == ""


def test_a_session_of_side_calls_alone_has_none_until_a_person_speaks() -> None:
    sent = session()

    row = store(sent[:4])
    assert (row.title_id, bytes(row.title), title_of(row)) == (None, b"", "")

    assert title_of(store(sent[4:])) == "Look at it"


@pytest.mark.parametrize(
    "damage",
    [
        lambda: Turn.objects.all().delete(),
        lambda: Turn.objects.update(gives_title=True),
        lambda: Conversation.objects.update(title=b""),
    ],
)
def test_a_rebuild_gives_the_same_title(damage: Callable[[], object]) -> None:
    expected = (store(session()).title_id, "Look at it")
    damage()

    call_command("rebuild_conversations", "--apply")

    row = Conversation.objects.get()
    assert (row.title_id, title_of(row)) == expected


def over_two_months() -> list[Sent]:
    """Side calls in January, and what a person asked in February."""
    sent = session()
    return [
        replace(each, started_at=each.started_at + ((JANUARY if each.place < 4 else FEBRUARY) - BEGIN))
        for each in sent
    ]


@pytest.mark.parametrize("encrypted", [False, True])
def test_a_title_lies_under_the_month_of_its_exchange_and_goes_with_the_bodies_of_that(
    settings: Settings, encrypted: bool
) -> None:
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = encrypted, [b"k" * 32]
    row = store(over_two_months())
    assert (b"Look" in bytes(row.title)) != encrypted

    drop("bodies")
    assert title_of(Conversation.objects.get()) == "Look at it"

    drop("bodies", FEBRUARY.date())
    assert title_of(Conversation.objects.get()) == ""


def test_what_remains_of_a_session_keeps_the_title_of_an_exchange_that_remains() -> None:
    sent = over_two_months()
    store(sent)

    drop_all()

    row = Conversation.objects.get()
    assert (row.turns, title_of(row)) == (3, "Look at it")
    kept = row.title_id
    forget_all()
    assert store(sent[4:]).title_id == kept


def test_a_rebuild_counts_earlier_turns_of_a_session_that_is_known_from_a_later_month_on() -> None:
    row = store(over_two_months())
    later = Turn.objects.filter(id__gt=row.first_id).order_by("id")[3]
    Turn.objects.filter(id__lt=later.id).delete()
    Conversation.objects.update(first_id=later.id, first_at=FEBRUARY, turns=3)

    call_command("rebuild_conversations", "--apply")

    found = Conversation.objects.get()
    assert (found.turns, found.first_id, title_of(found)) == (row.turns, row.first_id, "Look at it")
