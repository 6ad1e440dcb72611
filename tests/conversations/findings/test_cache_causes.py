"""Each planted cause is named, in made-up requests and in real ones; nothing is blamed where nothing changed."""

import copy
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest

from proxy.conversations.findings.cache_causes import Break, cause, reported_reason
from proxy.conversations.findings.cause_words import ADVICE, Cause
from tests.conversations.findings import sessions
from tests.conversations.findings.planted import AT, NAMES, PARENT, PLANTED, TURN, Pair, pair_of
from tests.conversations.findings.samples import (
    HOUR_MARK,
    IMAGE,
    assistant,
    body,
    request,
    result,
    text,
    user,
)

planted = pytest.mark.parametrize(("plant", "expected", "at"), PLANTED, ids=NAMES)
recorded = pytest.mark.skipif(not sessions.THERE, reason=sessions.MISSING)


def found(pair: Pair, reported: str | None = None) -> Break:
    return cause(pair.parent, pair.turn, body(pair.before), body(pair.after), reported)


def clean() -> Pair:
    return pair_of(request(4), request(5))


@planted
def test_a_planted_cause_is_named_with_its_place(
    plant: Callable[[Pair], None], expected: Cause, at: str
) -> None:
    pair = clean()
    plant(pair)

    named = found(pair)

    assert named.cause == expected
    assert named.at == at or (at == "…" and named.at.startswith("tool "))
    assert not named.by_api


@recorded
@planted
def test_a_planted_cause_is_named_in_a_real_request(
    plant: Callable[[Pair], None], expected: Cause, at: str
) -> None:
    recording = sessions.exchanges("agent-sdk")
    pair = pair_of(json.loads(recording[15].request), json.loads(recording[16].request))
    plant(pair)

    assert found(pair).cause == expected


@recorded
@pytest.mark.parametrize(("name", "first_image"), [("agent-sdk", (39, 40)), ("interactive", (23, 24))])
def test_real_turns_show_no_cause_but_for_their_first_image(name: str, first_image: tuple[int, int]) -> None:
    """The usage of these sessions is made up, and so would be its breaks; the requests are real and in order."""
    recording = sessions.exchanges(name)
    named = {
        (before, after): cause(PARENT, TURN, recording[before].request, recording[after].request)
        for before, after in sessions.pairs(name)
    }

    assert len(named) > 30
    assert {pair: shown.cause for pair, shown in named.items() if shown.cause != Cause.UNKNOWN} == {
        first_image: Cause.IMAGES
    }


def test_every_cause_is_planted_and_has_its_sentences() -> None:
    assert {expected for _, expected, _ in PLANTED} == set(Cause) == set(ADVICE)
    for advice in ADVICE.values():
        assert advice.happened.endswith(".")
        assert advice.to_do.endswith(".")


@pytest.mark.parametrize(
    ("reported", "planted_as", "expected"),
    [
        ("model_changed", "unknown", Cause.MODEL),
        ("tools_changed", "unknown", Cause.TOOL_CHANGED),
        ("tools_changed", "tools_reordered", Cause.TOOLS_REORDERED),
        ("system_changed", "unknown", Cause.SYSTEM),
        ("system_changed", "tool_added", Cause.SYSTEM),
        ("messages_changed", "unknown", Cause.HISTORY),
        ("messages_changed", "thinking", Cause.THINKING),
        ("messages_changed", "expired_5m", Cause.HISTORY),
    ],
)
def test_the_apis_own_reason_wins(reported: str, planted_as: str, expected: Cause) -> None:
    pair = clean()
    PLANTED[NAMES.index(planted_as)][0](pair)

    named = found(pair, reported)

    assert (named.cause, named.by_api) == (expected, True)


@pytest.mark.parametrize("reported", ["unavailable", "previous_message_not_found", "a new reason", None])
def test_a_reason_that_says_nothing_leaves_it_to_the_requests(reported: str | None) -> None:
    pair = clean()
    PLANTED[NAMES.index("system")][0](pair)

    assert found(pair, reported) == Break(Cause.SYSTEM, "system block 1")


def test_the_reason_stands_in_the_answers_diagnostics() -> None:
    assert (
        reported_reason({"diagnostics": {"cache_miss_reason": {"type": "tools_changed"}}}) == "tools_changed"
    )
    assert reported_reason({"diagnostics": {"cache_miss_reason": None}}) is None
    assert reported_reason({"diagnostics": None}) is None
    assert reported_reason(None) is None


def test_what_comes_first_in_the_prompt_is_named_first() -> None:
    pair = clean()
    for name in reversed(("tool_added", "system", "history", "thinking")):
        PLANTED[NAMES.index(name)][0](pair)

    assert found(pair).cause == Cause.TOOL_ADDED


def test_claude_codes_billing_line_is_blamed_only_where_nothing_else_is_to_be_seen() -> None:
    pair = clean()
    for fields, version in ((pair.before, "2.1.88.a3f"), (pair.after, "2.1.88.e91")):
        fields["system"][0] = text(f"x-anthropic-billing-header: cc_version={version}; cc_entrypoint=cli;")

    assert found(pair) == Break(Cause.SYSTEM, "system block 0")
    assert found(later(copy.deepcopy(pair), 6)).cause == Cause.EXPIRED_5M
    PLANTED[NAMES.index("history")][0](pair)
    assert found(pair).cause == Cause.HISTORY
    assert found(pair, "system_changed") == Break(Cause.SYSTEM, "system block 0", by_api=True)


def later(pair: Pair, minutes: int, read: int = 0) -> Pair:
    pair.turn = replace(pair.turn, started_at=AT + timedelta(minutes=minutes), cache_read_tokens=read)
    return pair


def test_writes_for_an_hour_live_longer_than_five_minutes() -> None:
    pair = clean()
    pair.parent = replace(PARENT, cache_write_1h_tokens=PARENT.cache_write_tokens)

    assert found(later(pair, 59)).cause == Cause.UNKNOWN
    pair.parent = replace(PARENT, cache_write_1h_tokens=1)
    assert found(later(pair, 59)).cause == Cause.EXPIRED_5M


def test_where_the_parent_wrote_nothing_its_last_mark_says_for_how_long() -> None:
    pair = clean()
    pair.parent = replace(PARENT, cache_read_tokens=100_000, cache_write_tokens=0)

    assert found(later(pair, 59)).cause == Cause.EXPIRED_5M
    pair.before["messages"][-1]["content"][-1].update(HOUR_MARK)
    assert found(later(pair, 59)).cause == Cause.UNKNOWN
    assert found(later(pair, 61)).cause == Cause.EXPIRED_1H


def rewritten_at(index: int, turns: int = 30) -> Pair:
    pair = pair_of(request(turns), request(turns + 1))
    pair.after["messages"][index]["content"][0] = text("rewritten")
    return pair


def test_a_rewritten_end_does_not_explain_that_nothing_was_read_after_a_long_break() -> None:
    assert found(later(rewritten_at(-5), 20)).cause == Cause.EXPIRED_5M
    assert found(later(rewritten_at(-5), 20, read=90_000)).cause == Cause.HISTORY
    assert found(later(rewritten_at(-5), 4)).cause == Cause.HISTORY


def test_a_history_rewritten_long_ago_leaves_tools_and_system() -> None:
    assert found(later(rewritten_at(4), 20, read=20_000)).cause == Cause.HISTORY
    assert found(later(rewritten_at(4), 20)).cause == Cause.EXPIRED_5M
    unmarked = rewritten_at(4)
    for fields in (unmarked.before, unmarked.after):
        fields["system"] = "You are an agent."
    assert found(later(unmarked, 20)).cause == Cause.HISTORY


def test_an_image_is_found_in_a_tools_result_too() -> None:
    pair = clean()
    pair.after["messages"].append(user(result(9, [IMAGE])))

    assert found(pair).cause == Cause.IMAGES
    pair.before["messages"][0]["content"].append(IMAGE)
    pair.after["messages"][0]["content"].append(IMAGE)
    assert found(pair).cause == Cause.UNKNOWN


def test_defaults_that_are_said_or_not_and_how_thinking_is_shown_are_no_change() -> None:
    pair = clean()
    pair.after |= {"tool_choice": {"type": "auto"}, "thinking": {"type": "disabled", "display": "omitted"}}
    pair.turn = replace(pair.turn, speed="standard")

    assert found(pair).cause == Cause.UNKNOWN


def test_a_mark_on_the_whole_request_stands_on_its_last_block() -> None:
    pair = clean()
    for fields in (pair.before, pair.after):
        fields["cache_control"] = {"type": "ephemeral"}
        for message in fields["messages"]:
            message["content"] = [
                {name: value for name, value in block.items() if name != "cache_control"}
                for block in message["content"]
            ]
    assert found(pair).cause == Cause.UNKNOWN
    pair.after["messages"] += [user(*(text(str(number)) for number in range(17)))]
    assert found(pair).cause == Cause.UNKNOWN
    pair.after["messages"] += [assistant(text("18"))]
    assert found(pair).cause == Cause.MARKS_TOO_FAR


def test_a_request_that_continues_a_thread_shows_nothing_of_its_prompt() -> None:
    continued = {"model": "m", "messages": [user(text("Go on"))], "thread": {"type": "continue"}}
    pair = Pair(request(4), copy.deepcopy(continued))

    assert found(pair).cause == Cause.UNKNOWN
    assert found(Pair(continued, request(5))).cause == Cause.UNKNOWN
    assert found(later(pair, 6)).cause == Cause.EXPIRED_5M
    pair.turn = replace(pair.turn, speed="fast")
    assert found(pair).cause == Cause.SPEED
    pair.turn = replace(pair.turn, model="other")
    assert found(pair).cause == Cause.MODEL


@pytest.mark.parametrize("broken", [b"", b"[]", b"{}", b"\xff", b'{"messages": 1}'])
def test_a_body_that_is_none_shows_nothing(broken: bytes) -> None:
    assert cause(PARENT, TURN, broken, body(request(4))) == Break(Cause.UNKNOWN)
    assert cause(PARENT, TURN, body(request(4)), broken) == Break(Cause.UNKNOWN)


def test_requests_without_any_mark_have_no_cause_in_marks() -> None:
    pair = clean()
    for fields in (pair.before, pair.after):
        fields["system"] = []
        for message in fields["messages"]:
            for block in message["content"]:
                block.pop("cache_control", None)

    assert found(pair).cause == Cause.UNKNOWN
