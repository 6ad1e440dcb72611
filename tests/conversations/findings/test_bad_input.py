"""Whatever a client sends is data: no request and no answer makes a function of this package raise."""

import json

from hypothesis import example, given
from hypothesis import strategies as st

from proxy.conversations.findings.cache_causes import cause, reported_reason
from proxy.conversations.findings.context_makeup import added, makeup, tool_schemas
from proxy.conversations.findings.excerpts import excerpts, text_of
from proxy.conversations.findings.request_diff import compared
from proxy.conversations.findings.request_parts import MOST_BLOCKS, Part, parts_of
from proxy.conversations.findings.tool_calls import calls_in, results_in
from tests.conversations.findings.planted import PARENT, TURN
from tests.conversations.findings.test_context_makeup import TURN as TURN_ID

NAMES = st.sampled_from(
    ("type", "text", "content", "role", "name", "input", "source", "data", "cache_control", "tool_use_id", "is_error",
     "messages", "tools", "system", "thread", "thinking", "tool_choice", "model", "defer_loading", "mcp_servers", "ttl", "id")
)  # fmt: skip
WORDS = st.sampled_from(
    ("text", "image", "tool_use", "tool_result", "thinking", "tool_reference", "base64", "continue", "user", "assistant",
     "system", "1h", "mcp__", "mcp__a__b", "", "\x00", "\ud83d", "é")
)  # fmt: skip
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**30), 10**30)
    | st.floats(allow_nan=False)
    | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=5),
    max_leaves=25,
)
BODIES = st.binary(max_size=40) | st.builds(lambda value: json.dumps(value).encode(), VALUES) | st.builds(
    lambda tools, system, messages, more: json.dumps({**more, "tools": tools, "system": system, "messages": messages}).encode(),
    VALUES, VALUES, st.lists(st.dictionaries(NAMES, VALUES, max_size=4), max_size=4), st.dictionaries(NAMES, VALUES, max_size=3),
)  # fmt: skip
DEEP = b'{"messages":[{"content":' + b"[" * 3000 + b"]" * 3000 + b"}]}"
LONG_NUMBER = b'{"messages":[{"role":"user","content":[123456789012345678901234567890]}]}'


@given(BODIES, BODIES)
@example(DEEP, DEEP)
@example(LONG_NUMBER, b"{}")
def test_no_pair_of_bodies_raises(before: bytes, after: bytes) -> None:
    diff = compared(parts_of(before), parts_of(after))
    for change in diff.page(Part.MESSAGES, 5)[0]:
        texts = [text_of(side.value) if side else "" for side in (change.before, change.after)]
        assert len(excerpts(texts[0], texts[1], 20)) == 2
        assert change.side.at
    assert cause(PARENT, TURN, before, after).cause
    tool_schemas(TURN_ID, makeup(after, 100_000))
    assert added(before, after, 10, 2_000).total_tokens == 1_990


@given(BODIES, VALUES)
@example(LONG_NUMBER, None)
def test_no_answer_raises(body: bytes, message: object) -> None:
    fields = message if isinstance(message, dict) else {"content": message, "diagnostics": message}

    assert all(len(call.input) == 16 for call in calls_in(fields))
    assert all(len(found.content) == 16 for found in results_in(body))
    assert isinstance(reported_reason(fields), str | None)


def test_a_request_of_far_too_many_blocks_is_not_read() -> None:
    block = {"type": "text", "text": "a"}
    most, more = (
        json.dumps({"model": "m", "messages": [{"content": [block] * MOST_BLOCKS}] + [{}] * added}).encode()
        for added in (0, 1)
    )

    assert len(parts_of(most).messages) == 1
    assert parts_of(more) == parts_of(b"{}")
