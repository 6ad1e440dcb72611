import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from accounts.secrets.masking import mask_text
from proxy.conversations.search.new_text import MOST_OF_PART, MOST_OF_TURN, Part, new_text
from proxy.wire.request_shape import Message, shape_of

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)
BLOCKS = st.fixed_dictionaries(
    {"type": st.sampled_from(["text", "tool_use", "tool_result", "thinking", 1])},
    optional={"text": JSON, "content": JSON, "input": JSON, "name": JSON, "partial_json": JSON},
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", None]), "content": JSON | st.lists(BLOCKS)}
    ),
    max_size=5,
)


def messages(*given: dict[str, Any]) -> list[Message]:
    shape = shape_of(json.dumps({"messages": given}).encode())
    assert shape
    assert shape.messages is not None
    return shape.messages


def user(content: object) -> dict[str, Any]:
    return {"role": "user", "content": content}


def assistant(content: object) -> dict[str, Any]:
    return {"role": "assistant", "content": content}


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def test_only_the_last_run_of_the_user_and_the_response_are_new() -> None:
    asked = messages(user("first"), assistant("old"), user("second"), user([text("third")]))

    assert new_text(asked, {"content": [text("fourth")]}) == [
        Part("prompt", "second"),
        Part("prompt", "third"),
        Part("response", "fourth"),
    ]


def test_a_response_that_the_client_began_hides_no_prompt() -> None:
    assert new_text(messages(user("asked"), assistant("{")), None) == [Part("prompt", "asked")]


def test_results_of_tools_are_read_as_texts_or_blocks() -> None:
    results = [
        {"type": "tool_result", "tool_use_id": "a", "content": "plain"},
        {
            "type": "tool_result",
            "tool_use_id": "b",
            "content": [text("in a block"), {"type": "image", "source": {}}],
        },
    ]

    assert new_text(messages(user(results)), None) == [
        Part("toolResult", "plain"),
        Part("toolResult", "in a block"),
    ]


def test_reminders_thinking_and_what_is_no_text_are_left_out() -> None:
    asked = user(
        [
            text("<system-reminder>rules</system-reminder>"),
            text("a<system-reminder>b</system-reminder>"),
            {"type": "image"},
        ]
    )
    response: dict[str, object] = {"content": [{"type": "thinking", "thinking": "hm"}, text("so")]}

    assert new_text(messages(asked), response) == [Part("prompt", "a"), Part("response", "so")]


def test_a_call_has_its_tool_and_the_members_of_its_input() -> None:
    call = {"type": "tool_use", "name": "Edit", "input": {"file_path": "/a.py", "edits": [{"old": "x"}]}}
    cut = {"type": "tool_use", "name": "Bash", "input": {}, "partial_json": '{"command": "ls'}

    assert new_text([], {"content": [call, cut]}) == [
        Part("toolInput", 'Edit\nfile_path: /a.py\nedits: [{"old":"x"}]'),
        Part("toolInput", 'Bash\n{"command": "ls'),
    ]


def test_secrets_are_masked_wherever_they_stand() -> None:
    asked = messages(user("my key sk-ant-api03-abc"))
    call: dict[str, object] = {
        "type": "tool_use",
        "name": "Login",
        "input": {"password": "hunter2", "deep": {"token": "tttt"}},
    }
    result = {"type": "tool_result", "content": "API_KEY=abcdef"}
    shown = str([*new_text(asked, {"content": [call]}), *new_text(messages(user([result])), None)])

    assert not [secret for secret in ("api03", "hunter2", "tttt", "abcdef") if secret in shown]


def test_a_secret_at_the_cut_is_not_left_in_part() -> None:
    secret = "sk-ant-" + "q" * 100
    for length in range(MOST_OF_PART - 60, MOST_OF_PART + 2100, 40):
        [part] = new_text(messages(user("x " * (length // 2) + secret)), None)

        assert "q" not in part.text
        assert len(part.text) <= MOST_OF_PART


def test_a_turn_is_bounded_in_each_part_and_as_a_whole() -> None:
    results = [{"type": "tool_result", "content": "word " * 10_000} for _ in range(6)]
    found = new_text(messages(user(results)), {"content": [text("late")]})

    assert all(len(part.text) <= MOST_OF_PART for part in found)
    assert MOST_OF_TURN - 10 <= sum(len(part.text) for part in found) <= MOST_OF_TURN


@given(MESSAGES, JSON | st.fixed_dictionaries({"content": st.lists(BLOCKS)}))
def test_no_json_breaks_it_and_what_comes_out_is_masked_already(
    asked: list[dict[str, Any]], response: Any
) -> None:
    shape = shape_of(msgspec.json.encode({"messages": asked}))
    found = new_text(shape.messages or [] if shape else [], response if isinstance(response, dict) else None)

    assert all(part.text and mask_text(part.text) == part.text for part in found)
