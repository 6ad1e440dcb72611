"""What counts of a message, and the keys that follow from it."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.content import Hasher, Summary, counted, summary_of
from proxy.conversations.keys import Keys, conversation_id, keys_of, previous_message
from proxy.conversations.offers import CALL, SUMMARY, asked_in, claim_of
from proxy.wire.lenient import parse

HASHER = Hasher()
Content = str | list[dict[str, Any]]


def summed(role: str, content: Content) -> Summary:
    return summary_of(role, content, HASHER)


def keys(*messages: tuple[str, Content], response: Content | None = None, **more: Any) -> Keys:
    answered = None if response is None else summed("assistant", response)
    found = keys_of([summed(*message) for message in messages], answered, HASHER, **more)
    assert found
    return found


def text(words: str, **more: object) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


@pytest.mark.parametrize(
    ("left", "other"),
    [
        ("Hello there", "  Hello\n\tthere "),
        ("Hello", [text("Hello")]),
        ("Hello", [text("Hello", cache_control={"type": "ephemeral"})]),
        ("Hello", [text("<system-reminder>be nice</system-reminder>"), text("Hello")]),
        ([text("a")], [text("a"), {"type": "thinking", "thinking": "hm", "signature": "x"}]),
        (
            [{"type": "tool_result", "tool_use_id": "t1", "content": "one"}],
            [{"type": "tool_result", "tool_use_id": "t1", "content": "another", "is_error": True}],
        ),
        (
            [{"type": "image", "source": {"type": "base64", "data": "AA"}}],
            [{"source": {"data": "AA", "type": "base64"}, "type": "image", "cache_control": {}}],
        ),
    ],
)
def test_what_a_client_may_change_makes_no_difference(left: Content, other: Content) -> None:
    assert summed("user", left).digest == summed("user", other).digest


@pytest.mark.parametrize(
    ("left", "other"),
    [
        ("Hello", "Hello!"),
        ([{"type": "image", "source": {"data": "AA"}}], [{"type": "image", "source": {"data": "AB"}}]),
        ([text("a"), text("b")], [text("a b")]),
        ([{"type": "tool_result", "tool_use_id": "t1"}], [{"type": "tool_result", "tool_use_id": "t2"}]),
        ([text("a")], [{"type": "novelty", "text": "a"}]),
    ],
)
def test_other_content_is_another_message(left: Content, other: Content) -> None:
    assert summed("user", left).digest != summed("user", other).digest
    assert summed("user", left).digest != summed("assistant", left).digest


def test_a_tool_without_an_id_counts_by_its_content() -> None:
    assert (
        summed("assistant", [{"type": "tool_use", "name": "a"}]).digest
        != summed("assistant", [{"type": "tool_use"}]).digest
    )


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_no_content_breaks_the_reader(content: object) -> None:
    body = json.dumps(content).encode()

    assert summary_of("user", parse(body), HASHER) == summary_of("user", parse(body), HASHER)


def test_messages_that_count() -> None:
    called = [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]
    brought = [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]
    messages = [
        summed("system", "not this"),
        summed("user", "go"),
        summed("user", "go"),
        summed("assistant", []),
        summed("assistant", called),
        summed("user", brought),
        summed("assistant", [text("again"), *called]),
        summed("user", [*brought, text("once more")]),
        summed("user", "<system-reminder>nothing else</system-reminder>"),
    ]

    assert [messages.index(message) for message in counted(messages)] == [1, 4, 5, 8]


def test_a_request_without_messages_that_count_has_no_keys() -> None:
    assert keys_of([summed("system", "alone")], None, HASHER) is None
    assert keys_of([summed("assistant", "prefill alone")], None, HASHER) is None


def test_a_request_goes_on_from_the_answer_before() -> None:
    first = keys(("user", "go"), response="well")
    second = keys(("user", "go"), ("assistant", "well"), ("user", "more"), response="yes")

    assert (first.depth, second.depth) == (1, 2)
    assert (first.takes, first.prev) == (None, None)
    assert (second.takes, second.prev) == (first.gives, first.own)
    assert (second.first, second.begins) == (first.first, first.begins)


def test_the_same_short_answer_to_other_words_has_another_name() -> None:
    assert keys(("user", "one"), response="Done.").gives != keys(("user", "two"), response="Done.").gives


def test_keys_under_a_secret_are_others() -> None:
    message = summary_of("user", "go", Hasher(b"secret"))

    assert message.digest != summed("user", "go").digest
    assert keys_of([message], None, Hasher(b"secret")) != keys(("user", "go"))


def test_message_ids_are_compared_as_hashes() -> None:
    given_id, taken_id = keys(("user", "a"), message_id="msg_1"), keys(("user", "b"), previous_id="msg_1")

    assert given_id.answer_id == taken_id.previous_id
    assert given_id.previous_id is None


@pytest.mark.parametrize(
    ("thread", "previous"),
    [
        ({"type": "continue", "previous_message_id": "msg_1"}, "msg_1"),
        ({"type": "create"}, ""),
        ({"type": "continue", "previous_message_id": 1}, ""),
        ({"previous_message_id": "msg_1"}, ""),
        (None, ""),
    ],
)
def test_a_thread_names_the_message_that_it_goes_on_from(thread: object, previous: str) -> None:
    assert previous_message(thread) == previous


def test_conversations_of_a_session_a_thread_and_a_domain_are_others() -> None:
    begins = keys(("user", "go"), response="well").begins
    found = {
        conversation_id("a.example", "s", begins),
        conversation_id("a.example", "", begins),
        conversation_id("b.example", "s", begins),
        conversation_id("b.example", "", begins),
        conversation_id("a.example", "t", begins),
    }

    assert len(found) == 5
    assert conversation_id("a.example", "s", b"") == conversation_id("a.example", "s", begins)
    assert {identity.version for identity in found} == {8}


SUMMARY_TEXT = "1. The parser was mended, and two tests were written for it. 2. The next step is to run all of them and to look."
OLD_FORM = (
    "This session is being continued from a previous conversation that ran out of context. The conversation is summarized below:\n"
    "Analysis:\nI looked.\n\nSummary:\n{}.\nPlease continue the conversation from where we left it off."
)
NEW_FORM = (
    "This session is being continued from a previous conversation that ran out of context.\n\nSummary:\n{}"
    "\n\nIf you need specific details from before compaction, read the transcript."
)
PLAIN_FORM = "This session is being continued from a previous conversation that ran out of context. {}"


@pytest.mark.parametrize("form", [OLD_FORM, NEW_FORM])
def test_a_session_that_goes_on_claims_its_summary(form: str) -> None:
    response = f"<analysis>I looked.</analysis>\n\n<summary>{SUMMARY_TEXT}.</summary>"
    offers = keys(("user", "write a summary"), response=response).offers

    assert {offer.kind for offer in offers} == {SUMMARY}
    assert claim_of(form.format(SUMMARY_TEXT), HASHER) in {offer.key for offer in offers}


@pytest.mark.parametrize(
    ("summary", "asked"),
    [
        (
            "1. Primary Request and Intent:\n   Mend the parser\n   and test it.\n\n2. Key Concepts:\n - x",
            "Mend the parser and test it.",
        ),
        ("1. **Primary Request and Intent**: Mend it", "Mend it"),
        (SUMMARY_TEXT, ""),
    ],
)
def test_a_session_that_goes_on_says_what_was_asked_for(summary: str, asked: str) -> None:
    assert " ".join(asked_in(PLAIN_FORM.format(summary)).split()) == asked
    assert asked_in(summary) == summary


def test_a_summary_without_tags_is_offered_where_one_was_asked_for() -> None:
    asked = keys(("user", "go on"), response=SUMMARY_TEXT, summarizes=True).offers
    not_asked = keys(("user", "go on"), response=SUMMARY_TEXT).offers

    assert [offer.key for offer in asked] == [claim_of(PLAIN_FORM.format(SUMMARY_TEXT), HASHER)]
    assert not_asked == ()
    assert keys(("user", "write a summary"), response="Too short.").offers == ()
    called = [text(SUMMARY_TEXT), {"type": "tool_use", "id": "t", "name": "Bash", "input": {}}]
    assert keys(("user", "write a summary"), response=called).offers == ()


def test_a_call_is_offered_under_its_prompt() -> None:
    called = [{"type": "tool_use", "id": "toolu_1", "name": "Agent", "input": {"prompt": "look  around"}}]
    [offer] = keys(("user", "go"), response=called, calls=[("look  around", "toolu_1")]).offers

    assert (offer.kind, offer.tool_id) == (CALL, "toolu_1")
    assert offer.key == keys(("user", "<system-reminder>x</system-reminder>"), ("user", "look around")).claim
    assert claim_of("", HASHER) is None


def test_words_are_new_where_a_person_wrote_them() -> None:
    brought = [{"type": "tool_result", "tool_use_id": "t1", "content": "done"}]
    called = [{"type": "tool_use", "id": "t1", "name": "Bash", "input": {}}]

    assert keys(("user", "go")).new_words
    assert not keys(("user", "go"), ("assistant", called), ("user", brought)).new_words
