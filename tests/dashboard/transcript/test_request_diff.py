"""Differences of two requests for people: each kind with its place and its excerpts, no secret, no file, bounded."""

import json
import time
from typing import Any

import pytest

from dashboard.transcript.request_diff import Entry, NotComparableError, has_differences, sections
from proxy.conversations.findings.request_parts import Part
from tests.conversations.findings.samples import IMAGE

SECRET = "sk-ant-api03-the-teams-secret-key-0001"
MARK = {"cache_control": {"type": "ephemeral"}}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def tool(name: str, description: str = "does it") -> dict[str, Any]:
    return {"name": name, "description": description, "input_schema": {"type": "object"}}


def body(**parts: Any) -> bytes:
    messages = [{"role": "user", "content": [text("go")]}]
    return json.dumps({"model": "m", "messages": messages, **parts}).encode()


def entries(part: Part, before: bytes, after: bytes) -> list[Entry]:
    [found] = [section for section in sections(before, after) if section.part == part]
    return found.entries


def test_every_kind_has_its_place_and_both_sides() -> None:
    before = body(
        tools=[tool("a"), tool("b"), tool("c"), tool("d")], system=[text("one"), text("two", **MARK)]
    )
    after = body(
        tools=[tool("b"), tool("a"), tool("c", "other"), tool("e")], system=[text("one"), text("two")]
    )

    found = [(entry.kind, entry.at, entry.ends_prefix) for entry in entries(Part.TOOLS, before, after)]
    [mark] = entries(Part.SYSTEM, before, after)

    assert {kind for kind, _, _ in found} == {"added", "removed", "changed", "moved"}
    assert sum(ends for _, _, ends in found) == 1
    assert (mark.kind, mark.at, mark.before, mark.after) == (
        "mark",
        "system block 1",
        '{"type":"ephemeral"}',
        None,
    )


def test_a_changed_text_shows_where_it_begins_to_differ() -> None:
    [entry] = entries(
        Part.SYSTEM,
        body(system="a" * 5000 + "old" + "b" * 5000),
        body(system="a" * 5000 + "new" + "b" * 5000),
    )

    assert entry.before
    assert entry.after
    assert "aoldb" in entry.before
    assert "anewb" in entry.after
    assert len(entry.before) < 400


def test_a_tool_that_moved_tells_its_places() -> None:
    before, after = (
        body(tools=[tool("a"), tool("b"), tool("c")]),
        body(tools=[tool("b"), tool("c"), tool("a")]),
    )
    [entry] = entries(Part.TOOLS, before, after)

    assert (entry.kind, entry.at, entry.before, entry.after) == ("moved", "tool a", "place 0", "place 2")


def test_secrets_are_masked_before_texts_are_cut() -> None:
    # Cut first, the excerpt would begin in the middle of the key.
    before = body(
        system=f"{'x ' * 200}{SECRET}{'y' * 40} old", mcp_servers=[{"authorization_token": "abcdefgh"}]
    )
    after = body(
        system=f"{'x ' * 200}{SECRET}{'y' * 40} new", mcp_servers=[{"authorization_token": "ijklmnop"}]
    )

    shown = str(sections(before, after))

    assert "secret-key" not in shown
    assert "yyyy" not in shown
    assert "abcdefgh" not in shown
    assert "old" in shown


def test_a_setting_whose_name_says_secret_is_masked() -> None:
    [entry] = entries(Part.SETTINGS, body(), body(api_key="correct horse"))

    assert (entry.at, entry.before, entry.after) == ("api_key", None, '"****"')


def test_files_are_shown_by_their_size() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [IMAGE]}
    messages = [{"role": "user", "content": [IMAGE, result]}]
    shown = [entry.after for entry in entries(Part.MESSAGES, body(messages=[]), body(messages=messages))]

    assert shown[0] == "[image/png, 6 bytes]"
    assert shown[1] is not None
    assert '"[image/png, 6 bytes]"' in shown[1]


def test_a_section_has_so_many_entries_and_says_how_many_more() -> None:
    after = body(tools=[tool(f"tool-{number}") for number in range(60)])
    [tools] = [section for section in sections(body(), after) if section.part == Part.TOOLS]

    assert (len(tools.entries), tools.more) == (50, 10)


def test_equal_requests_have_no_difference() -> None:
    assert not has_differences(sections(body(), body()))
    assert has_differences(sections(body(), body(system="new")))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (b"no JSON", "its body is no JSON"),
        (b"", "its body is no JSON"),
        (body(thread={"type": "continue"}), "continues a message thread"),
    ],
)
def test_what_cannot_be_compared_says_which_and_why(wrong: bytes, why: str) -> None:
    for name, before, after in (("The other request", wrong, body()), ("This request", body(), wrong)):
        with pytest.raises(NotComparableError, match=f"^{name} .*{why}"):
            sections(before, after)


def test_huge_differences_take_bounded_time() -> None:
    after = body(
        messages=[{"role": "user", "content": [text(f"key: {'word ' * 200_000}") for _ in range(20)]}]
    )
    began = time.process_time()
    found = entries(Part.MESSAGES, body(), after)

    assert time.process_time() - began < 10
    assert len(found) >= 20
