"""Each kind of finding is found once where it is planted, and real sessions have none."""

import itertools
from collections.abc import Iterator
from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.findings.finding import TO_DO, Finding, FindingKind
from proxy.conversations.findings.loops import SLOW_SECONDS, Turn, loops_in
from proxy.conversations.findings.tool_calls import ToolUse, calls_in, joined, results_in
from proxy.wire.messages import read_response
from tests.conversations.findings import sessions

READ = ToolUse("Read", b"a", b"text")
BASH = ToolUse("Bash", b"make", b"failed")
EDIT = ToolUse("Edit", b"fix", b"done")


def ident(number: int) -> UUID:
    return UUID(int=number)


def thread(*turns: object, first: int = 1, agent: str = "") -> list[Turn]:
    """Turns that each go on from the one before; each a call, several, or a turn to be placed."""
    made: list[Turn] = []
    for number, item in enumerate(turns, first):
        parent = ident(number - 1) if number > first else None
        if isinstance(item, Turn):
            made.append(replace(item, id=ident(number), parent_id=parent, agent_id=agent))
        else:
            tools = tuple(item) if isinstance(item, list) else (item,)
            made.append(Turn(ident(number), parent, agent_id=agent, tools=tools))
    return made


def shown(findings: list[Finding]) -> list[tuple[FindingKind, list[int]]]:
    return [(finding.kind, [turn.int for turn in finding.turns]) for finding in findings]


def test_the_same_call_three_times_is_found() -> None:
    (found,) = loops_in(thread(EDIT, READ, READ, READ, BASH))

    assert found == Finding(
        FindingKind.REPEATED_CALL,
        (ident(2), ident(3), ident(4)),
        "Read was called 3 times in a row with the same input and the same result.",
    )


@pytest.mark.parametrize(
    "turns",
    [
        [READ, READ],
        [READ, READ, EDIT, READ],
        [BASH, EDIT, BASH, ToolUse("Edit", b"other", b"done"), BASH],
        [READ, replace(READ, result=b"longer"), replace(READ, result=b"longest")],
        [READ, READ, Turn(ident(0), new_words=True, tools=(READ,))],
        [READ, READ, [READ, BASH]],
        [READ, Turn(ident(0)), READ, Turn(ident(0)), READ],
        [Turn(ident(0)), Turn(ident(0)), Turn(ident(0))],
    ],
    ids=[
        "two",
        "a change",
        "other edits",
        "progress",
        "a person",
        "one more",
        "words between",
        "words alone",
    ],
)
def test_what_changes_something_between_is_no_loop(turns: list[object]) -> None:
    assert loops_in(thread(*turns)) == []


def test_a_circle_of_several_calls_is_found_once() -> None:
    found = loops_in(thread(EDIT, BASH, READ, BASH, READ, BASH, READ, BASH))

    assert shown(found) == [(FindingKind.REPEATED_CALL, [2, 3, 4, 5, 6, 7, 8])]
    assert found[0].sentence.startswith("The same calls (Bash, Read) were made 3 times in a row")
    assert shown(loops_in(thread(*[[READ, BASH]] * 6))) == [(FindingKind.REPEATED_CALL, [1, 2, 3, 4, 5, 6])]


def test_a_result_that_is_not_there_yet_is_no_other_result() -> None:
    assert shown(loops_in(thread(READ, READ, replace(READ, result=None)))) == [
        (FindingKind.REPEATED_CALL, [1, 2, 3])
    ]


def test_agents_that_do_the_same_side_by_side_are_no_loop() -> None:
    agents = [thread(READ, BASH, first=10 * number, agent=str(number)) for number in range(1, 5)]
    interleaved = [turn for turns in zip(*agents, strict=True) for turn in turns]

    assert loops_in(interleaved) == []
    # Nor where each of them goes on from the turn that started it.
    assert loops_in([Turn(ident(1)), *(replace(turn, parent_id=ident(1)) for turn in interleaved)]) == []


def test_ways_that_a_person_went_anew_from_one_turn_are_no_loop() -> None:
    start = thread(EDIT)
    again = [Turn(ident(number), ident(1), tools=(READ,)) for number in (2, 3, 4)]

    assert loops_in([*start, *again]) == []


def test_an_attempt_that_failed_does_not_hide_a_loop() -> None:
    turns = thread(READ, READ, READ)
    failed = Turn(ident(9), ident(1), error_type="overloaded_error")

    assert shown(loops_in([turns[0], failed, *turns[1:]])) == [(FindingKind.REPEATED_CALL, [1, 2, 3])]


def failing(number: int, error: bytes = b"not found") -> ToolUse:
    return ToolUse("Edit", bytes([number]), error, is_error=True)


def test_the_same_error_of_a_tool_with_other_inputs_is_found() -> None:
    found = loops_in(thread(failing(1), READ, failing(2), failing(3)))

    assert shown(found) == [(FindingKind.REPEATED_ERROR, [1, 3, 4])]
    assert found[0].sentence == "Edit ended with the same error in 3 turns, and did not succeed between them."


@pytest.mark.parametrize(
    "turns",
    [
        [failing(1), failing(2)],
        [failing(1), failing(2), EDIT, failing(3)],
        [failing(1), failing(2, b"other"), failing(3)],
        [[failing(1), failing(2), failing(3)]],
        [failing(1), replace(failing(2), name="Write"), failing(3)],
    ],
    ids=["two", "a success", "another error", "one turn", "another tool"],
)
def test_other_errors_of_tools_are_none(turns: list[object]) -> None:
    assert loops_in(thread(*turns)) == []


def test_a_call_that_is_repeated_with_its_error_is_found_once() -> None:
    assert shown(loops_in(thread(failing(1), failing(1), failing(1)))) == [
        (FindingKind.REPEATED_CALL, [1, 2, 3])
    ]


def failed(error: str = "rate_limit_error") -> Turn:
    return Turn(ident(0), error_type=error)


def test_the_same_error_of_upstream_three_times_in_a_row_is_found() -> None:
    (found,) = loops_in(thread(READ, failed(), failed(), failed(), READ))

    assert shown([found]) == [(FindingKind.REPEATED_ERROR, [2, 3, 4])]
    assert found.sentence == "3 requests in a row ended with rate_limit_error."


@pytest.mark.parametrize(
    "turns",
    [
        [failed(), failed()],
        [failed(), failed(), READ, failed()],
        [failed(), failed("overloaded_error"), failed(), failed("overloaded_error")],
    ],
    ids=["two", "an answer", "other errors"],
)
def test_other_errors_of_upstream_are_none(turns: list[object]) -> None:
    assert loops_in(thread(*turns)) == []


def test_errors_of_several_agents_at_one_moment_are_none() -> None:
    assert loops_in([Turn(ident(n), agent_id=str(n), error_type="overloaded_error") for n in (1, 2, 3)]) == []


def attempts(*errors: str | None) -> list[Turn]:
    """The same request again and again, each a retry of the one before it."""
    return [
        Turn(ident(n), ident(100), ident(n - 1) if n > 1 else None, error_type=error)
        for n, error in enumerate(errors, 1)
    ]


def test_a_program_that_asks_the_same_again_and_is_answered_is_no_storm() -> None:
    assert loops_in(attempts(None, None, None, None)) == []


def test_one_request_that_is_sent_three_times_is_found_and_its_errors_with_it() -> None:
    found = loops_in(attempts("overloaded_error", "overloaded_error", "overloaded_error", None))

    assert shown(found) == [(FindingKind.RETRIES, [1, 2, 3, 4])]
    assert (
        found[0].sentence
        == "One request was sent 4 times: 3 ended with overloaded_error, 1 ended with no error."
    )
    assert loops_in(attempts("overloaded_error", None)) == []


def test_answers_that_max_tokens_cut_are_found() -> None:
    cut = Turn(ident(0), stop_reason="max_tokens")

    assert [found.sentence for found in loops_in(thread(cut))] == [
        "1 answer ended at max_tokens, before all was said."
    ]
    assert shown(loops_in(thread(cut, READ, cut, Turn(ident(0), stop_reason="end_turn")))) == [
        (FindingKind.CUT_ANSWERS, [1, 3])
    ]


def taking(seconds: float | None, name: str = "Bash") -> ToolUse:
    return ToolUse(name, str(seconds).encode(), b"", seconds=seconds)


def test_slow_tools_are_found_by_their_name() -> None:
    found = loops_in(
        thread(taking(119), taking(120), taking(300.4), taking(None), taking(200, "mcp__ci__wait"))
    )

    assert shown(found) == [(FindingKind.SLOW_TOOL, [2, 3]), (FindingKind.SLOW_TOOL, [5])]
    assert found[0].sentence.startswith("Bash took 120 s or longer 2 times, 300 s at most, ")
    assert found[1].sentence.startswith("mcp__ci__wait took 120 s or longer once, 200 s at most, ")


@pytest.mark.parametrize(
    "tools",
    [[taking(3600)], [taking(900, "Agent")], [taking(900, "AskUserQuestion"), taking(900)]],
    ids=["overnight", "an agent", "a person was asked"],
)
def test_what_waits_for_others_is_no_slow_tool(tools: list[ToolUse]) -> None:
    assert loops_in(thread(tools)) == []


def test_of_calls_that_were_made_together_nobody_knows_the_slow_one() -> None:
    (found,) = loops_in(thread([taking(130, "Read"), taking(130)]))

    assert found.sentence.startswith("Bash or Read took 120 s or longer once")


def everything() -> list[Turn]:
    """A conversation that holds each kind once."""
    turns = thread(
        READ, READ, READ, failing(1), failing(2), failing(3), taking(400),
        Turn(ident(0), stop_reason="max_tokens"), BASH, first=1,
    )  # fmt: skip
    retried = [
        replace(turn, id=ident(20 + n), parent_id=ident(9))
        for n, turn in enumerate(attempts("overloaded_error", "api_error", None))
    ]
    linked = [replace(turn, retry_of=ident(19 + n) if n else None) for n, turn in enumerate(retried)]
    return [*turns, *linked]


def test_each_kind_is_found_once_in_its_order() -> None:
    assert [finding.kind for finding in loops_in(everything())] == [
        FindingKind.REPEATED_CALL,
        FindingKind.REPEATED_ERROR,
        FindingKind.SLOW_TOOL,
        FindingKind.CUT_ANSWERS,
        FindingKind.RETRIES,
    ]
    assert set(TO_DO) == set(FindingKind)


def test_how_often_and_how_slow_can_be_chosen() -> None:
    turns = thread(READ, READ, taking(40))

    assert shown(loops_in(turns, times=2, slow_seconds=30)) == [
        (FindingKind.REPEATED_CALL, [1, 2]),
        (FindingKind.SLOW_TOOL, [3]),
    ]


USES = st.builds(
    ToolUse, st.sampled_from(("A", "B")), st.sampled_from((b"1", b"2")), st.sampled_from((None, b"r"))
)
TURNS = st.lists(st.lists(USES, max_size=2), max_size=14)


def longest_run(tools: list[list[ToolUse]]) -> int:
    """How often the same calls with the same results come in a row, by the plainest reading."""
    keys = [tuple((use.name, use.input) for use in uses) for uses in tools]
    return max((len(list(group)) for key, group in itertools.groupby(keys) if key), default=0)


@given(TURNS)
def test_a_run_of_the_same_calls_is_found_if_it_is_long_enough(tools: list[list[ToolUse]]) -> None:
    found = loops_in(thread(*tools))
    alone = [finding for finding in found if finding.kind == FindingKind.REPEATED_CALL]

    if longest_run(tools) >= 3:
        assert alone
    for finding in alone:
        places = [turn.int for turn in finding.turns]
        assert places == list(range(places[0], places[0] + len(places)))
        assert len(places) >= 3
    seen = [turn for finding in alone for turn in finding.turns]
    assert len(seen) == len(set(seen))


def real_turns(name: str) -> Iterator[Turn]:
    recording, truth = sessions.exchanges(name), sessions.truth(name)
    parents = {after: before for before, after in sessions.pairs(name)}
    retried = {again: first for first, again in truth["retried"]}
    agents = {index: agent for agent, indexes in truth["sub_agents"].items() for index in indexes}
    children = {before: after for after, before in reversed(parents.items())}
    for index in sorted(index for turns in sessions.threads(name) for index in turns):
        exchange = recording[index]
        response = read_response(exchange.status, exchange.content_type, exchange.response)
        child = children.get(index)
        results = results_in(recording[child].request) if child is not None else []
        seconds = recording[child].started_at - exchange.ended_at if child is not None else None
        parent = parents.get(index)
        yield Turn(
            ident(index),
            None
            if parent is None
            else ident(parents.get(parent, parent) if parent in retried.values() else parent),
            ident(retried[index]) if index in retried else None,
            agents.get(index, ""),
            response.error_type,
            response.stop_reason,
            tools=tuple(joined(calls_in(response.message), results, seconds)),
        )


@pytest.mark.skipif(not sessions.THERE, reason=sessions.MISSING)
@pytest.mark.parametrize("name", sessions.NAMES)
def test_real_sessions_have_no_finding(name: str) -> None:
    turns = list(real_turns(name))

    assert len(turns) > 40
    assert sum(len(turn.tools) for turn in turns) > 25
    assert loops_in(turns) == []
    assert (
        loops_in(turns, times=2, slow_seconds=SLOW_SECONDS) != []
    )  # one was retried, so the turns are linked
