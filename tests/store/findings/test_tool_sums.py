"""What became of the calls of tools: counted once each, whatever comes late, twice or moves, and counted again by a rebuild."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest
from django.utils import timezone

from nexus_project.operations.grants import WORKER
from proxy.dimensions import OTHER
from proxy.histograms import WAITS
from proxy.store.conversations.turns import tool_digests
from proxy.store.findings import tool_sums, writing
from proxy.store.ingest import batch as ingest
from proxy.store.models import (
    Conversation,
    CountedTools,
    DroppedMonth,
    Exchange,
    PendingConversation,
    ToolDay,
    ToolHour,
    Turn,
)
from proxy.store.models.tools import TOOL_SUMS
from proxy.store.rebuilding import rollups as rebuild
from proxy.store.rebuilding.rollups import Asked
from proxy.store.sums import folding
from proxy.store.tasks import fold_breakdowns
from tests.conversations.clients import Sent, Thread, World, call, result, text
from tests.roles import OWNER, as_owner
from tests.store.conversations.replayed import forget_all, record_of
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db]

BEGIN = datetime(2026, 11, 20, 9, tzinfo=UTC)


def store(sent: Sequence[Sent]) -> None:
    ingest.ingest(make_batch(*map(record_of, sent)))


def look() -> None:
    writing.run(timezone.now() + timedelta(minutes=3))


def sums(model: type[ToolHour] | type[ToolDay] = ToolHour) -> dict[str, dict[str, Any]]:
    rows = model.objects.order_by("tool").values("tool", *TOOL_SUMS)
    return {row.pop("tool"): row for row in rows}


def spans() -> list[tuple[Any, ...]]:
    hours = ToolHour.objects.order_by("pk").values_list("hour", "domain", "tool", *TOOL_SUMS, "waits")
    days = ToolDay.objects.order_by("pk").values_list("day", "domain", "tool", *TOOL_SUMS, "waits")
    return [*hours, *days]


def talk() -> list[Sent]:
    """Bash twice, one of which fails, and Read once beside it; a last call without a result."""
    world = World()
    thread = Thread(world)
    first, beside, second = call(world), call(world, "Read"), call(world)
    thread.ask("go", [first, beside])
    failed = result(second) | {"is_error": True}
    thread.ask([result(first, "a" * 100), result(beside, "b")], [second])
    thread.ask([failed], [call(world, "Grep")])
    for place, sent in enumerate(world.sent):
        sent.started_at = BEGIN + timedelta(seconds=10 * place)
    return world.sent


def test_a_call_has_its_result_its_size_and_the_time_until_it_was_brought() -> None:
    store(talk())
    look()

    found = sums()
    assert [found[name]["calls"] for name in ("Bash", "Grep", "Read")] == [2, 1, 1]
    assert [found[name]["results"] for name in ("Bash", "Grep", "Read")] == [2, 0, 1]
    assert [found[name]["errors"] for name in ("Bash", "Grep", "Read")] == [1, 0, 0]
    assert found["Bash"]["measured"] == 2
    as_json = [[text("a" * 100)], [text("done")]]
    assert found["Bash"]["result_bytes"] == sum(len(msgspec.json.encode(each)) for each in as_json)
    # Ten seconds from begin to begin, less what the answer took.
    [took] = {row.duration_ms for row in _exchanges()}
    assert found["Bash"]["waited_ms"] == 2 * (10_000 - took)
    waits = ToolHour.objects.get(tool="Bash").waits
    assert (sum(waits), waits[WAITS.bucket(10_000 - took)]) == (2, 2)
    assert sums(ToolDay) == found


def _exchanges() -> list[Any]:

    return list(Exchange.objects.only("duration_ms"))


def test_to_look_again_or_to_send_twice_changes_nothing() -> None:
    sent = talk()
    store(sent)
    look()
    before = spans()

    store(sent)
    PendingConversation.objects.create(id=Conversation.objects.get().id, changed_at=timezone.now())
    look()

    assert spans() == before != []


@pytest.mark.parametrize("late", [0, 1, 2])
def test_what_comes_late_is_added_to_what_was_counted(late: int) -> None:
    sent = talk()
    store(sent)
    look()
    expected = spans()
    _forget()

    store([each for at, each in enumerate(sent) if at != late])
    look()
    assert spans() != expected
    store([sent[late]])
    look()

    assert [row for row in spans() if row[3]] == expected


@as_owner()
def _forget() -> None:

    forget_all()
    for model in (ToolHour, ToolDay, CountedTools):
        model.objects.all().delete()


def test_a_repeat_brings_the_same_results_and_they_count_once() -> None:
    world = World()
    thread = Thread(world)
    used = call(world)
    thread.ask("go", [used])
    thread.ask([result(used)], None)
    thread.again([text("Done.")])
    store(world.sent)
    look()

    assert (sums()["Bash"]["calls"], sums()["Bash"]["results"]) == (1, 1)


@pytest.mark.database_role(OWNER)
def test_what_moves_to_another_conversation_is_counted_there_alone() -> None:
    store(talk())
    look()
    before = spans()
    source, target = Conversation.objects.get(), uuid4()
    Turn.objects.update(conversation=target)
    Conversation.objects.filter(id=source.id).update(id=target)
    for id_ in (source.id, target):
        PendingConversation.objects.update_or_create(id=id_, defaults={"changed_at": timezone.now()})

    look()

    assert [row for row in spans() if row[3]] == before
    assert tool_sums.load([target])[target].turns


@pytest.mark.database_role(OWNER)
def test_a_rebuild_counts_what_nobody_counted_and_finds_nothing_afterwards() -> None:
    store(talk())
    look()
    expected = spans()
    for lost in ((ToolHour, ToolDay, CountedTools), (ToolHour,), (ToolDay,), (CountedTools, ToolHour)):
        for model in lost:
            model.objects.all().delete()
        if ToolHour in lost:
            assert rebuild.rebuild(Asked(dry_run=True)).tools
            assert rebuild.rebuild(Asked()).tools
        else:
            rebuild.rebuild(Asked())

        assert spans() == expected
        assert rebuild.rebuild(Asked()).tools == []


@pytest.mark.database_role(OWNER)
def test_a_rebuild_takes_back_what_is_too_much() -> None:
    store(talk())
    look()
    expected = spans()
    ToolHour.objects.filter(tool="Bash").update(calls=9)
    ToolHour.objects.create(
        hour=BEGIN, domain="a.example", tool="Invented", calls=1, waits=[0] * WAITS.buckets
    )

    [found] = rebuild.rebuild(Asked()).tools

    assert (found.of, found.sums) == (BEGIN, {"calls": -8})
    assert spans() == expected


@pytest.mark.database_role(OWNER)
def test_an_hour_whose_exchanges_were_dropped_stays_as_it_was_counted() -> None:
    store(talk())
    look()
    before = spans()
    DroppedMonth.objects.create(month=BEGIN.date().replace(day=1), metadata_dropped_at=timezone.now())
    [id_] = Conversation.objects.values_list("id", flat=True)

    assert tool_sums.count({id_: tool_sums.Known({}, {})}) == {}
    assert spans() == before


@pytest.mark.database_role(OWNER)
def test_of_a_long_conversation_what_is_older_than_its_newest_turns_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    store(talk())
    look()
    before = spans()
    monkeypatch.setattr(tool_sums, "MOST_TURNS", 2)
    world = World(seed=2)
    thread = Thread(world)
    for _ in range(3):
        thread.ask("more", [call(world, "Late")])
    store(
        [
            replace(sent, place=sent.place + 9, started_at=BEGIN + timedelta(hours=2, minutes=sent.place))
            for sent in world.sent
        ]
    )
    look()

    assert [row for row in spans() if row[2] != "Late"] == before


@pytest.mark.database_role(OWNER)
def test_with_a_day_the_smallest_are_folded_and_late_ones_count_with_them() -> None:
    store(talk())
    look()
    total = sum(row["calls"] for row in sums().values())
    folding.fold([BEGIN.date()], most=2)

    assert set(sums()) == set(sums(ToolDay)) == {"Bash", OTHER}
    assert sums()[OTHER] == sums(ToolDay)[OTHER]
    assert sum(row["calls"] for row in sums().values()) == total
    assert (sums()[OTHER]["calls"], sum(ToolDay.objects.get(tool=OTHER).waits)) == (2, 1)

    world = World(seed=2, session="late")
    Thread(world).ask("go", [call(world, "Write"), call(world)])
    store([replace(world.sent[0], place=9)])
    look()
    assert {name: row["calls"] for name, row in sums().items()} == {"Bash": 3, OTHER: 3}
    assert rebuild.rebuild(Asked()).tools == []


@pytest.mark.database_role(OWNER)
def test_what_was_counted_of_a_conversation_that_is_gone_is_forgotten_and_its_sums_are_kept() -> None:
    store(talk())
    look()
    before = spans()
    Conversation.objects.all().delete()

    fold_breakdowns.apply()

    assert not CountedTools.objects.exists()
    assert spans() == before


def test_a_result_from_before_has_no_size() -> None:
    sent = talk()
    store(sent)
    _without_sizes()
    look()

    assert (sums()["Bash"]["results"], sums()["Bash"]["measured"], sums()["Bash"]["result_bytes"]) == (
        2,
        0,
        0,
    )


@as_owner()
def _without_sizes() -> None:
    for turn in Turn.objects.exclude(tool_digests=b""):
        calls, results = tool_digests(turn)
        turn.tool_digests = msgspec.msgpack.encode((calls, [tuple(each)[:3] for each in results]))
        turn.save()
        assert all(each.size is None for each in tool_digests(turn)[1])


@pytest.mark.database_role(WORKER)
def test_a_worker_may_do_all_of_it() -> None:
    store(talk())
    look()
    fold_breakdowns.apply().get()

    assert sums()["Bash"]["calls"] == 2
