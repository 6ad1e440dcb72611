"""What was new in a turn."""

import json
from typing import Any

import pytest

from dashboard.transcript import news
from proxy.wire.messages import ResponseContent

KEY = "sk-ant-api03-" + "a" * 90


def asked(*messages: dict[str, Any]) -> news.News:
    return news.asked(json.dumps({"messages": messages}).encode())


def user(*blocks: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(blocks)}


def words(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


def test_only_what_follows_the_last_answer_is_new() -> None:
    found = asked(
        user(words("old")), {"role": "assistant", "content": "reply"}, user(words("a")), user(words("b"))
    )

    assert found.words == "a\n\nb"


def test_reminders_prefills_and_messages_of_the_system_are_passed_over() -> None:
    found = asked(
        user(words("<system-reminder>x</system-reminder>"), words("real")),
        {"role": "system", "content": "note"},
        {"role": "assistant", "content": "The reply is"},
    )

    assert found.words == "real"


def test_results_are_told_by_the_call_that_they_belong_to() -> None:
    block = {
        "type": "tool_result",
        "tool_use_id": "t1",
        "is_error": True,
        "content": [words("no\nsuch file")],
    }

    found = asked(user(block, words("go on")))

    assert found.results == {"t1": news.Result("no such file", 12, is_error=True)}
    assert found.words == "go on"


def test_an_answer_has_its_text_its_thinking_and_its_calls_in_one_line_each() -> None:
    content = [
        {"type": "thinking", "thinking": "hmm"},
        words("I look."),
        {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "pytest\n  -x"}},
        {"type": "tool_use", "id": "t2", "name": "Odd", "input": {"a": 1, "b": [2]}},
    ]

    found = news.answered(news.News(), ResponseContent(message={"content": content}))

    assert (found.response, found.thought) == ("I look.", 3)
    assert [(call.name, call.preview) for call in found.calls] == [
        ("Bash", "pytest -x"),
        ("Odd", "a: 1, b: [2]"),
    ]
    done = found.with_results({"t1": news.Result("ok", 2, is_error=False)})
    assert [call.result and call.result.preview for call in done.calls] == ["ok", None]


def test_secrets_are_masked_also_where_a_text_is_cut() -> None:
    long = "x" * (news.WORDS - 20) + " " + KEY
    call = {"type": "tool_use", "id": "t", "name": "Bash", "input": {"command": f"echo {KEY}"}}

    found = news.answered(asked(user(words(long))), ResponseContent(message={"content": [words(KEY), call]}))

    assert KEY[:40] not in str(found)
    assert found.words.endswith("…")


@pytest.mark.parametrize(
    "body", [b"", b"null", b'{"messages": 5}', b'{"messages": [{"role": "user", "content": 7}]}']
)
def test_what_is_no_conversation_has_nothing_new(body: bytes) -> None:
    assert news.asked(body).words == ""
