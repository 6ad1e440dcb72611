"""Two requests are compared in the order of the cache, and marks are told apart from words."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.findings.request_diff import Change, Kind, RequestDiff, compared
from proxy.conversations.findings.request_parts import Part, parts_of
from tests.conversations.findings.samples import (
    HOUR_MARK,
    IMAGE,
    MARK,
    assistant,
    body,
    call,
    request,
    result,
    text,
    tool,
    user,
)


def difference(before: dict[str, Any], after: dict[str, Any]) -> RequestDiff:
    return compared(parts_of(body(before)), parts_of(body(after)))


def seen(diff: RequestDiff) -> list[tuple[str, str]]:
    return [(found.kind.value, found.side.at) for found in diff.changes]


def next_turn(fields: dict[str, Any]) -> dict[str, Any]:
    """The same request with a message more; the mark moves to it."""
    longer = request(turns=len(fields["messages"]) // 2 + 1)
    return {**fields, "messages": longer["messages"]}


def test_a_turn_that_goes_on_only_adds_and_moves_its_mark() -> None:
    diff = difference(request(4), next_turn(request(4)))

    assert seen(diff) == [
        ("mark", "message 8, block 0"), ("added", "message 9, block 0"), ("added", "message 10, block 0"),
    ]  # fmt: skip
    assert [found.appended for found in diff.changes] == [False, True, True]
    assert diff.first_break is None


def test_the_same_request_differs_in_nothing_whatever_its_order_of_members() -> None:
    fields = request(4)

    assert seen(difference(fields, dict(reversed(fields.items())))) == []
    assert seen(difference(fields, {**fields, "stream": False, "metadata": {"user_id": "x"}})) == []


def tools(*names: str) -> dict[str, Any]:
    return request(4, tools=[tool(name) for name in names])


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("Bash", "Edit", "Read", "Write"), [("added", "tool Write")]),
        (("Bash", "Glob", "Edit", "Read"), [("added", "tool Glob")]),
        (("Bash", "Read"), [("removed", "tool Edit")]),
        (("Read", "Bash", "Edit"), [("moved", "tool Read")]),
        (("Edit", "Read", "Bash"), [("moved", "tool Bash")]),
        (("Bash", "Bash", "Edit", "Read"), [("added", "tool Bash")]),
    ],
)
def test_tools_are_compared_by_name(names: tuple[str, ...], expected: list[tuple[str, str]]) -> None:
    diff = difference(tools("Bash", "Edit", "Read"), tools(*names))

    assert seen(diff) == expected
    assert diff.first_break == diff.changes[0]


def test_tools_in_another_order_are_neither_added_nor_removed() -> None:
    diff = difference(tools("A", "B", "C", "D"), tools("D", "C", "B", "A"))

    assert {found.kind for found in diff.changes} == {Kind.MOVED}
    assert len(diff.changes) == 3


def test_a_tool_that_changed_or_lost_its_mark_is_named() -> None:
    before = request(4)
    changed = request(
        4, tools=[tool("Bash"), tool("Edit") | {"description": "now 5 files"}, tool("Read", **MARK)]
    )

    assert seen(difference(before, changed)) == [("changed", "tool Edit"), ("mark", "tool Read")]


def test_tools_without_a_name_go_by_their_server_or_type() -> None:
    known: list[object] = [
        {"type": "mcp_toolset", "mcp_server_name": "wiki"},
        {"type": "web_search_20250305"},
    ]
    diff = difference(request(4, tools=[*known, {}, 5]), request(4, tools=known[::-1]))

    assert seen(diff) == [("moved", "tool wiki"), ("removed", "tool 2"), ("removed", "tool 3")]


def test_tools_that_are_loaded_on_demand_break_no_prefix() -> None:
    waiting = [tool("Later", defer_loading=True)]
    before = request(4, tools=[tool("Bash"), *waiting, tool("Read")])
    after = request(4, tools=[tool("Bash"), tool("Read"), *waiting, tool("mcp__a__b", defer_loading=True)])

    diff = difference(before, after)

    assert [(found.kind, found.side.part) for found in diff.changes] == [(Kind.ADDED, Part.DEFERRED_TOOLS)]
    assert diff.first_break is None


def test_the_order_of_members_counts_inside_of_a_schema_or_an_input_and_nowhere_else() -> None:
    plain, turned = tool("Bash"), dict(reversed(tool("Bash").items()))
    schema = {**plain, "input_schema": dict(reversed(plain["input_schema"].items()))}

    assert seen(difference(request(1, tools=[plain]), request(1, tools=[turned]))) == []
    assert seen(difference(request(1, tools=[plain]), request(1, tools=[schema]))) == [
        ("changed", "tool Bash")
    ]


def test_the_system_prompt_is_compared_block_by_block() -> None:
    before, after = request(4), request(4)
    after["system"].insert(1, text("Today is Friday."))

    diff = difference(before, after)

    assert seen(diff) == [("added", "system block 1")]
    assert diff.first_break is not None
    assert seen(difference(request(4, system="Be kind."), request(4, system=[text("Be kind.", **MARK)]))) == [
        ("mark", "system block 0")
    ]


def test_a_text_and_one_block_of_that_text_are_the_same() -> None:
    before = request(0, messages=[{"role": "user", "content": "Hello"}])
    after = request(0, messages=[user(text("Hello", **MARK)), assistant(text("Hi")), user(text("Bye"))])

    assert [found.kind for found in difference(before, after).changes] == [
        Kind.MARKED,
        Kind.ADDED,
        Kind.ADDED,
    ]


def rewritten(index: int, *blocks: object) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = next_turn(request(4))["messages"]
    messages[index] = {**messages[index], "content": list(blocks)}
    return messages


@pytest.mark.parametrize(
    ("index", "blocks", "kind", "at"),
    [
        (4, [result(1, "[cleared]")], Kind.CHANGED, "message 4, block 0"),
        (4, [text("Stop"), result(1)], Kind.ADDED, "message 4, block 0"),
        (4, [text("Stop")], Kind.REMOVED, "message 4, block 0"),
        (4, [result(1), text("<system-reminder>9 left</system-reminder>")], Kind.ADDED, "message 4, block 1"),
    ],
)
def test_a_rewritten_history_is_found_where_it_begins(
    index: int, blocks: list[object], kind: Kind, at: str
) -> None:
    found = difference(request(4), request(4, messages=rewritten(index, *blocks))).first_break

    assert found is not None
    assert (found.kind, found.side.at) == (kind, at)


def test_what_is_added_to_the_last_message_only_lengthens_the_prefix() -> None:
    diff = difference(request(4), request(4, messages=rewritten(8, result(3), text("Tool loaded."))))

    assert seen(diff)[:2] == [("mark", "message 8, block 0"), ("added", "message 8, block 1")]
    assert diff.first_break is None


def test_a_removed_message_moves_nothing_behind_it() -> None:
    before = request(4)
    after = request(4, messages=[before["messages"][0], *before["messages"][3:]])

    diff = difference(before, after)

    assert seen(diff) == [("removed", "message 1, block 0"), ("removed", "message 2, block 0")]
    assert diff.changes[0].before is not None
    assert diff.changes[0].after is None


def test_a_message_of_another_role_is_another_message() -> None:
    before = request(0, messages=[user(text("A")), assistant(text("B"))])
    after = request(0, messages=[user(text("A")), user(text("B"))])

    assert [found.kind for found in difference(before, after).changes] == [Kind.REMOVED, Kind.ADDED]


def test_settings_are_named_and_break_no_prefix_by_themselves() -> None:
    before = request(1, temperature=1, top_k=3)
    after = request(1, temperature=0.5, cache_control={"type": "ephemeral"}, thinking={"type": "adaptive"})

    diff = difference(before, after)

    assert seen(diff) == [
        ("changed", "temperature"), ("removed", "top_k"), ("mark", "cache_control"), ("added", "thinking"),
    ]  # fmt: skip
    assert diff.first_break is None


def test_a_page_holds_so_many_and_counts_the_rest() -> None:
    diff = difference(request(0, messages=[]), request(20))

    shown, more = diff.page(Part.MESSAGES, 5)

    assert [found.side.index for found in shown] == [0, 1, 2, 3, 4]
    assert more == 36
    assert diff.page(Part.SYSTEM, 5) == ([], 0)
    assert diff.counts() == {(Part.MESSAGES, Kind.ADDED): 41}


def test_marks_within_a_tools_result_are_marks() -> None:
    bare, marked = (user(result(1, [text("a"), text("b", **mark), 7])) for mark in ({}, HOUR_MARK))

    assert seen(difference(request(0, messages=[bare]), request(0, messages=[marked]))) == [
        ("mark", "message 0, block 0")
    ]


def test_blocks_that_are_no_objects_are_compared_as_they_are() -> None:
    before = request(0, messages=[user(None, 5, "a"), 7])
    after = request(0, messages=[user(None, 6, "a", text("b")), 8])

    assert seen(difference(before, before)) == []
    assert seen(difference(before, after)) == [
        ("changed", "message 0, block 1"), ("added", "message 0, block 3"), ("changed", "message 1, block 0"),
    ]  # fmt: skip


@pytest.mark.parametrize("broken", [b"", b"[]", b"{", b"null", b'{"messages": 3, "tools": {}, "system": 1}'])
def test_a_body_that_is_none_is_an_empty_one(broken: bytes) -> None:
    diff = compared(parts_of(broken), parts_of(body(request(1))))

    assert diff.counts()[Part.MESSAGES, Kind.ADDED] == 3
    assert diff.counts()[Part.TOOLS, Kind.ADDED] == 3


WORDS = st.sampled_from("abc")
BLOCKS = st.one_of(
    st.builds(text, WORDS),
    st.builds(text, WORDS, cache_control=st.just({"type": "ephemeral"})),
    st.just(IMAGE),
    st.builds(call, st.integers(0, 3)),
    st.builds(result, st.integers(0, 3)),
    st.just({}),
    st.none(),
)
OF_BLOCKS = st.fixed_dictionaries(
    {"role": st.sampled_from(("user", "assistant")), "content": st.lists(BLOCKS, max_size=3)}
)
MESSAGES = st.lists(st.one_of(OF_BLOCKS, st.none()), max_size=6)


def rebuilt(old: list[object], found: tuple[Change, ...]) -> int:
    """How many blocks the newer request must have, by the differences alone."""
    kinds = [change.kind for change in found]
    return len(old) + kinds.count(Kind.ADDED) - kinds.count(Kind.REMOVED)


@given(MESSAGES, MESSAGES)
def test_differences_account_for_every_block(before: list[object], after: list[object]) -> None:
    old, new = (parts_of(body(request(0, messages=messages))) for messages in (before, after))

    diff = compared(old, new)

    def blocks(messages: list[object]) -> list[object]:
        """A message without blocks counts as itself."""
        found: list[object] = []
        for message in messages:
            content = message["content"] if isinstance(message, dict) else []
            found += content or [message]
        return found

    assert rebuilt(blocks(before), diff.changes) == len(blocks(after))
    assert compared(old, old).changes == ()
    assert compared(old, parts_of(body(request(0, messages=[*before, *after])))).first_break is None


def test_a_difference_knows_both_sides() -> None:
    found = difference(request(4), request(4, messages=rewritten(4, result(1, "[cleared]")))).first_break

    assert found is not None
    assert found.before is not None
    assert found.after is not None
    assert found.before.value == result(1)
    assert found.after.value == result(1, "[cleared]")
    assert found.after.name == "user"
