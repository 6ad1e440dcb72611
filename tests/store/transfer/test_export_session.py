"""`export_traffic --session` goes by the tree, not by a header alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest

from proxy.store.conversations.together import beyond_sessions
from proxy.store.ingest import batch as ingest
from tests.conversations.clients import Sent, Thread, World, call, result, text
from tests.roles import OWNER
from tests.store.conversations.replayed import place_of, record_of
from tests.store.records import make_batch
from tests.store.transfers import export, lines_of

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

PROMPT, INNER = "Read all of the tests", "Count all of the tests"


def session(*, named: bool, seed: int = 5) -> list[Sent]:
    """0 and 5 of the main agent, 1 and 4 of its agent, 2 and 3 of that one's, 6 a side call, 7 a summary, 8 and 9 after it.

    Unless `named`, agents and what comes after the summary have no session.
    """
    world = World(seed)
    main = Thread(world)
    start = call(world, "Agent", prompt=PROMPT)
    main.ask("Look at the parser", [start])
    outer, inner = Thread(world, agent="a", tools=3), Thread(world, agent="b", caller="a", tools=3)
    inner_start, used = call(world, "Agent", prompt=INNER), call(world)
    outer.ask(PROMPT, [inner_start])
    inner.ask(INNER, [used])
    inner.ask([result(used)], [text("Seven tests in all.")])
    outer.ask([result(inner_start)], [text("All of them are read.")])
    main.ask([result(start)], [text("Well, it is read.")])
    Thread(world, tools=0).ask("Name this session", [text("A title")], kind="side")
    main.compact()
    main.ask("and now?", [text("It goes on.")])
    main.ask("and then?", [text("It ends.")])
    nameless = () if named else (1, 2, 3, 4, 8, 9)
    return [
        replace(sent, session="", agent="", caller="") if sent.place in nameless else sent
        for sent in world.sent
    ]


def store(sent: Sequence[Sent], domain: str = "a.example") -> None:
    ingest.ingest(make_batch(*(record_of(exchange, domain) for exchange in sent)))


def elsewhere(sent: Sequence[Sent], hours: int = 1, **changes: str) -> list[Sent]:
    """The same, sent later."""
    return [
        replace(exchange, started_at=exchange.started_at + timedelta(hours=hours), **changes)  # type: ignore[arg-type]  # texts all
        for exchange in sent
    ]


def exported(path: Path, *arguments: str) -> list[tuple[str, int]]:
    lines = lines_of(export(path / "a.jsonl", "--session=session-1", *arguments))
    return [(line["domain"], place_of(UUID(line["id"]))) for line in lines]


@pytest.mark.parametrize("named", [True, False])
def test_agents_side_calls_and_compactions_come_with_their_session(tmp_path: Path, named: bool) -> None:
    store(session(named=named))

    assert exported(tmp_path) == [("a.example", place) for place in range(10)]


def test_in_whatever_order_they_came(tmp_path: Path) -> None:
    sent = session(named=False)
    store(sent[5:])
    store(sent[:5])

    assert exported(tmp_path) == [("a.example", place) for place in range(10)]


def test_what_only_looks_alike_stays_where_it_is(tmp_path: Path) -> None:
    sent = session(named=False)
    store(sent)
    # Nameless agents of the same prompt that nobody of it called: a day before, and in another domain.
    store(elsewhere(session(named=False, seed=7)[1:5], hours=-30))
    store(elsewhere(sent[1:5]), "b.example")

    assert exported(tmp_path) == [("a.example", place) for place in range(10)]


def test_of_words_that_many_sessions_share_only_its_own_come(tmp_path: Path) -> None:
    # The same prompt with the same answer is one nameless conversation, whoever called for it.
    for seed, name in ((5, "session-1"), (6, "session-2")):
        world = World(seed)
        main = Thread(world)
        main.ask("Look at the parser", [call(world, "Agent", prompt=PROMPT)])
        Thread(world, agent="a").ask(PROMPT, [text("All of them are read.")])
        first, agent = world.sent
        store(elsewhere([replace(first, session=name), replace(agent, session="", agent="")], hours=seed))

    assert exported(tmp_path) == [("a.example", 0), ("a.example", 1)]


def test_another_session_that_goes_on_from_it_is_another_one(tmp_path: Path) -> None:
    sent = session(named=False)
    store([*sent[:8], *(replace(exchange, session="session-2") for exchange in sent[8:])])

    assert exported(tmp_path) == [("a.example", place) for place in range(8)]


def test_other_filters_hold_for_what_comes_with_a_session(tmp_path: Path) -> None:
    sent = session(named=False)
    store(sent)
    store(elsewhere(sent), "b.example")

    assert exported(tmp_path, "--domain=b.example") == [("b.example", place) for place in range(10)]
    assert exported(tmp_path, "--until=2026-11-20T09:00:03Z", "--domain=a.example") == [
        ("a.example", place) for place in range(3)
    ]
    assert exported(tmp_path, "--domain=c.example") == []


def test_without_a_session_nothing_comes_along() -> None:
    store(session(named=False))

    assert beyond_sessions([]) == beyond_sessions([""]) == []
