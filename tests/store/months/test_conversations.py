"""Conversations when a month goes: pinned turns stay whole, and sums are those of the exchanges that remain."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, models
from django.utils import timezone

from proxy.record import Record
from proxy.store.conversations.loading import load
from proxy.store.conversations.sums import title_of
from proxy.store.findings import writing
from proxy.store.ingest import batch as ingest
from proxy.store.models import (
    CacheBreak,
    Conversation,
    ConversationHour,
    Exchange,
    Finding,
    Offer,
    SearchText,
    Turn,
)
from tests.conversations.clients import BEGIN, Sent, Thread, World, call, result, text
from tests.people import make_pin
from tests.roles import as_owner
from tests.store.conversations.replayed import place_of, record_of
from tests.store.findings.test_findings import changed_tool
from tests.store.findings.test_findings import talk as broken_talk
from tests.store.months.test_retention import drop, drop_all, id_of
from tests.store.records import make_batch
from tests.store.transcripts.talks import talk

pytestmark = pytest.mark.django_db

JANUARY, FEBRUARY = datetime(2026, 1, 20, 12, tzinfo=UTC), datetime(2026, 2, 3, 12, tzinfo=UTC)
OF_TURNS: tuple[type[models.Model], ...] = (Turn, Offer, SearchText, CacheBreak, Finding)


def at(sent: Sequence[Sent], moment: datetime, session: str = "session-1") -> list[Record]:
    """As if it began at this moment."""
    moved = moment - BEGIN
    return [record_of(replace(each, started_at=each.started_at + moved, session=session)) for each in sent]


def two_months(first: int = 4) -> tuple[list[Record], list[Record]]:
    """The first turns of a session in January, the others in February."""
    sent = talk()
    return at(sent[:first], JANUARY), at(sent[first:], FEBRUARY)


def looping() -> list[Sent]:
    """The same call with the same result, again and again."""
    world = World(9)
    thread = Thread(world)
    used = call(world, command="ls")
    thread.ask("Look", [used])
    for _ in range(5):
        again = call(world, command="ls")
        thread.ask([result(used, "a.py")], [again])
        used = again
    thread.ask([result(used, "a.py")], [text("One file.")])
    return world.sent


def rows(conversation: UUID) -> dict[str, list[tuple[object, ...]]]:
    """All that is stored of its turns."""
    ids = list(Turn.objects.filter(conversation=conversation).values_list("id", flat=True))
    return {
        model.__name__: [
            tuple(bytes(value) if isinstance(value, memoryview) else value for value in row)
            for row in model._default_manager.filter(id__in=ids).order_by("pk").values_list()
        ]
        for model in OF_TURNS
    }


def sums() -> list[dict[str, object]]:
    """The rows of conversations but for their titles, which need bodies, and of their hours."""
    found = Conversation.objects.order_by("id").values()
    talks = [{name: value for name, value in row.items() if name != "title"} for row in found]
    hours: list[dict[str, object]] = [{**row} for row in ConversationHour.objects.order_by("id").values()]
    return [*talks, *hours]


def counted_alone(records: Sequence[Record]) -> list[dict[str, object]]:
    """The sums that ingest makes of these alone; what was there before is gone then."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "TRUNCATE proxy_turn, proxy_offer, proxy_conversation, proxy_conversationhour, proxy_receipt, proxy_exchange,"
            " proxy_text, proxy_exchangebody, proxy_blob"
        )
    ingest.ingest(make_batch(*records))
    return sums()


def session(name: str) -> Conversation:
    return Conversation.objects.get(session_id=name)


def test_a_pinned_session_keeps_turns_offers_texts_and_findings_and_another_loses_them() -> None:
    kinds = {"calls": talk(), "broken": broken_talk(changed_tool), "looping": looping()}
    for day, (name, sent) in enumerate(kinds.items()):
        start = JANUARY + timedelta(days=day)
        ingest.ingest(make_batch(*at(sent, start, name)))
        ingest.ingest(make_batch(*at(sent, start + timedelta(hours=1), f"other-{name}")))
        make_pin(session_id=name, domain="a.example")
    writing.run(timezone.now() + timedelta(minutes=3))
    before = {name: rows(session(name).id) for name in kinds}
    talks = {session(name).id for name in kinds}
    counted = [row for row in sums() if talks & {row["id"], row.get("conversation")}]
    others = {session(f"other-{name}").id for name in kinds}
    for model in OF_TURNS:
        assert any(before[name][model.__name__] for name in kinds), model
        assert model._default_manager.filter(pk__isnull=False).count() > sum(
            len(before[name][model.__name__]) for name in kinds
        )

    kept = drop_all()

    assert kept == (sum(map(len, kinds.values())),) * 2
    assert drop_all() == (None, None)
    assert {name: rows(session(name).id) for name in kinds} == before
    assert sums() == counted
    assert {title_of(session(name)) for name in kinds} == {"Look at the parser", "go", "Look"}
    assert not Turn.objects.filter(conversation__in=others).exists()
    assert [
        model._default_manager.count() - sum(len(before[name][model.__name__]) for name in kinds)
        for model in OF_TURNS
    ] == [0] * len(OF_TURNS)


def test_a_title_goes_with_the_bodies_of_its_month_unless_its_exchange_is_pinned() -> None:
    for day, name in enumerate(("gone", "session", "first", "second")):
        records = at(talk(), JANUARY + timedelta(days=day), name)
        ingest.ingest(make_batch(*records))
        if name == "session":
            make_pin(session_id=name, domain="a.example")
        elif name != "gone":
            make_pin(exchange=id_of(records[name == "second"]))
    counted = sums()

    drop("bodies")

    assert {row.session_id: title_of(row) for row in Conversation.objects.all()} == {
        "gone": "",
        "session": "Look at the parser",
        "first": "Look at the parser",
        "second": "",
    }
    assert sums() == counted


def test_the_title_of_a_session_over_two_months_is_of_its_first_month() -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old, *new))
    drop("bodies", FEBRUARY.date())
    assert title_of(Conversation.objects.get()) == "Look at the parser"

    drop("bodies")

    assert title_of(Conversation.objects.get()) == ""


@pytest.mark.parametrize("pinned", [(), (0,), (2,), (0, 1, 2, 3)])
def test_sums_after_a_drop_are_those_of_the_exchanges_that_remain(pinned: tuple[int, ...]) -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old, *new))
    for number in pinned:
        make_pin(exchange=id_of(old[number]))

    drop_all()

    remaining = [old[number] for number in pinned] + new
    found, tree = sums(), load(Conversation.objects.get()).tree
    assert [place_of(place.id) for place in tree.places] == [*pinned, *range(4, 8)]
    assert {row.id for row in Exchange.objects.all()} == set(map(id_of, remaining))
    assert found == counted_alone(remaining)


def test_sums_are_right_too_when_the_later_month_goes_first() -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old, *new))

    drop_all(FEBRUARY.date())

    assert title_of(Conversation.objects.get()) == "Look at the parser"
    assert sums() == counted_alone(old)


def test_a_conversation_of_one_month_is_gone_with_it() -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old))
    drop_all()
    assert not Conversation.objects.exists()

    ingest.ingest(make_batch(*new))

    assert sums() == counted_alone(new)


def test_a_late_turn_of_a_dropped_month_is_added_to_what_remained() -> None:
    old, new = two_months()
    ingest.ingest(make_batch(*old[1:], *new))
    drop_all()

    ingest.ingest(make_batch(old[0]))

    assert title_of(Conversation.objects.get()) == "Look at the parser"
    assert sums() == counted_alone([old[0], *new])
