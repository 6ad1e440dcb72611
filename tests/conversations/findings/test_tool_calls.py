"""Calls and results are found where they stand, and digests are the same for the same content only."""

import json

import pytest

from proxy.conversations.findings.tool_calls import (
    Call,
    Result,
    ToolUse,
    calls_in,
    digest,
    joined,
    results_in,
)
from proxy.wire.messages import read_response
from tests.conversations.findings import sessions
from tests.conversations.findings.samples import MARK, assistant, body, call, result, text, user


def test_calls_are_the_tools_that_an_answer_asks_its_client_for() -> None:
    server = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}
    message = assistant(text("I look."), call(1), server, call(2, "Bash", command="ls"))

    assert [(found.id, found.name) for found in calls_in(message)] == [
        ("toolu_1", "Read"),
        ("toolu_2", "Bash"),
    ]
    assert calls_in(message)[1].input == digest({"command": "ls"})
    assert calls_in({"content": [{"type": "tool_use"}]}) == [Call("", "", digest(None))]
    assert calls_in(None) == calls_in({"content": "text"}) == []


def test_results_are_those_behind_the_last_answer() -> None:
    fields = {
        "messages": [
            user(text("Go")), assistant(call(1)), user(result(1, "old")), assistant(call(2), call(3)),
            user(result(2, "a"), text("Tool loaded.")), {"role": "system", "content": "9 tokens left"},
            user(result(3, "b", is_error=True)),
        ]
    }  # fmt: skip

    assert results_in(body(fields)) == [
        Result("toolu_2", digest([text("a")]), False, 28),
        Result("toolu_3", digest([text("b")]), True, 28),
    ]


@pytest.mark.parametrize(
    "broken", [b"", b"[]", b"{}", b'{"messages": 5}', b'{"messages": [5, {"content": 7}]}']
)
def test_a_body_that_is_none_has_no_results(broken: bytes) -> None:
    assert results_in(broken) == []


def test_marks_and_the_form_of_a_text_do_not_change_a_result() -> None:
    forms = [result(1, "a"), result(1, [text("a")]), result(1, [text("a", **MARK)], **MARK)]

    assert len({tuple(results_in(body({"messages": [user(form)]}))) for form in forms}) == 1


def test_a_digest_is_of_the_content_whatever_its_order_and_says_nothing_without_its_key() -> None:
    assert digest({"a": 1, "b": [2]}) == digest({"b": [2], "a": 1}) != digest({"a": 1, "b": [3]})
    assert digest("yes", b"key") != digest("yes") != digest("yes", b"other")
    assert calls_in(assistant(call(1)), b"key") != calls_in(assistant(call(1)))
    assert len(digest("yes")) == 16


def test_a_call_is_joined_with_its_result_by_its_id() -> None:
    calls = [Call("1", "Read", b"i"), Call("2", "Bash", b"j")]

    assert list(joined(calls, [Result("2", b"r", True), Result("9", b"s", False)], 1.5)) == [
        ToolUse("Read", b"i"),
        ToolUse("Bash", b"j", b"r", True, 1.5),
    ]


@pytest.mark.skipif(not sessions.THERE, reason=sessions.MISSING)
@pytest.mark.parametrize("name", sessions.NAMES)
def test_calls_of_real_turns_have_their_results_in_the_next_request(name: str) -> None:
    recording = sessions.exchanges(name)
    uses: list[ToolUse] = []
    for before, after in sessions.pairs(name):
        exchange = recording[before]
        response = read_response(exchange.status, exchange.content_type, exchange.response)
        calls = calls_in(response.message)
        assert [(found.id, found.name) for found in calls] == [
            (tool.id, tool.name) for tool in response.tools
        ]
        uses += joined(calls, results_in(recording[after].request), 1)

    assert len(uses) > 20
    assert [use for use in uses if use.result is None] == []


def test_results_of_a_long_request_are_read_without_the_rest_of_it() -> None:
    fields = {"messages": [user(text("x" * 10**6)), assistant(call(1)), user(result(1, "a"))]}

    assert results_in(json.dumps(fields).encode()) == [Result("toolu_1", digest([text("a")]), False, 28)]
