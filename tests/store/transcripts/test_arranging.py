"""Agents that would stand within themselves, or too deep, are listed at the end."""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

import msgspec

from proxy.conversations.parents import LinkKind
from proxy.conversations.tree import Agent, Kind, Place, Tree
from proxy.store.models import Exchange
from proxy.store.transcripts.arranging import DEEPEST, Arranged, arranged
from proxy.store.transcripts.shapes import Call, Result, Turn
from proxy.store.transcripts.summary import facts_of_turn, sums_of

NONE = sums_of([])


def turn(number: int, calls: Sequence[Call] = (), results: Sequence[Result] = ()) -> Turn:
    row = Exchange(
        id=UUID(int=number),
        started_at=datetime(2026, 11, 20, 12, tzinfo=UTC),
        outcome="complete",
        duration_ms=0,
    )
    facts = msgspec.structs.asdict(facts_of_turn(number, placed(number, ""), row))
    return Turn(**facts, missing=None, asked=[], results=list(results), response=list(calls))


def placed(number: int, agent: str) -> Place:
    return Place(UUID(int=number), None, LinkKind.AGENT, Kind.AGENT, agent, "", 0, None)


def arrange(agents: Sequence[str], called: Sequence[tuple[str, str]], turns: Sequence[Turn]) -> Arranged:
    """`agents` have a turn each; `called` are agents, and the ids of their calls."""
    tree = Tree(
        tuple(placed(turn.number, agent) for turn, agent in zip(turns, agents, strict=True)),
        tuple(Agent(agent, "", turns[0].request_id, call, "") for agent, call in called),
    )
    return arranged(tree, {turn.request_id: turn for turn in turns}, lambda line: NONE)


def test_agents_that_call_each_other_are_listed_once_each() -> None:
    first, second = Call("Agent", "t1", {}), Call("Agent", "t2", {})

    found = arrange(["a", "b"], [("a", "t2"), ("b", "t1")], [turn(1, [first]), turn(2, [second])])

    assert [agent.agent_id for agent in found.agents] == ["b"]
    assert [agent.agent_id for agent in second.agents] == ["a"]
    assert first.agents == []


def test_an_agent_that_calls_itself_is_listed_at_the_end() -> None:
    found = arrange(["a"], [("a", "t1")], [turn(1, [Call("Agent", "t1", {})])])

    assert [agent.agent_id for agent in found.agents] == ["a"]


def test_what_is_nested_too_deep_is_listed_at_the_end() -> None:
    names = ["", *map(str, range(DEEPEST + 5))]
    turns = [turn(at, [Call("Agent", f"t{at}", {})]) for at in range(len(names))]

    found = arrange(names, [(name, f"t{at}") for at, name in enumerate(names[1:])], turns)

    assert len(found.agents) == 1
    assert found.main == turns[:1]


def test_the_first_result_of_a_call_counts_and_a_repeated_call_is_the_first() -> None:
    call, same = Call("Bash", "t1", {}), Call("Bash", "t1", {})
    results = [Result("t1", UUID(int=at), []) for at in (2, 3)]
    turns = [turn(1, [call]), turn(2, [same], results[:1]), turn(3, [], results[1:])]

    found = arrange(["", "", ""], [], turns)

    assert call.result == results[0]
    assert same.result is None
    assert [line.results for line in found.main] == [[], [], []]
