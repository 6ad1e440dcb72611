"""How attempts end, and which are billed."""

from datetime import UTC, datetime, timedelta

import pytest

from proxy.wire.billing.refusals import (
    NO_CATEGORY,
    NOT_REPORTED,
    ONE_ATTEMPT,
    SERVED,
    Attempts,
    Hop,
    attempts_of,
    is_free,
)

CHANGE = datetime(2026, 9, 24, tzinfo=UTC)
BEFORE = CHANGE - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("refusal", "before", "since"),
    [
        (SERVED, False, False),
        (NO_CATEGORY, True, True),
        ("cyber", True, True),
        ("general_harms", True, True),
        ("bio", True, False),
        ("frontier_llm", True, False),
        ("reasoning_extraction", True, False),
        (NOT_REPORTED, None, None),
        ("a category of next year", None, None),
    ],
)
def test_what_is_free_depends_on_category_and_date(
    refusal: str, before: bool | None, since: bool | None
) -> None:
    assert (is_free(refusal, BEFORE), is_free(refusal, CHANGE)) == (before, since)


def refused(content: list[object], details: object = None) -> Attempts:
    return attempts_of({"stop_reason": "refusal", "stop_details": details, "content": content})


TEXT = {"type": "text", "text": "I"}
THOUGHT = {"type": "thinking", "thinking": "", "signature": "x"}
EMPTY = {"type": "text", "text": ""}


def test_a_refusal_before_any_output_has_its_category() -> None:
    assert refused([], {"category": "cyber"}) == Attempts("cyber")
    assert refused([EMPTY], {"category": None}) == Attempts(NO_CATEGORY)
    assert refused([]) == Attempts(NO_CATEGORY)


@pytest.mark.parametrize("block", [TEXT, THOUGHT, {"type": "server_tool_use"}])
def test_a_refusal_after_output_is_an_answer_like_any_other(block: object) -> None:
    assert refused([block], {"category": "cyber"}) == ONE_ATTEMPT


def test_an_answer_that_was_served_is_one_attempt() -> None:
    assert attempts_of({"stop_reason": "end_turn", "content": []}) is ONE_ATTEMPT
    assert attempts_of({}) is ONE_ATTEMPT


def fallback(model: str, trigger: object) -> dict[str, object]:
    return {"type": "fallback", "from": {"model": model}, "to": {"model": "z"}, "trigger": trigger}


def test_each_fallback_is_a_hop_with_the_output_before_it() -> None:
    message = {
        "stop_reason": "refusal",
        "stop_details": {"category": "bio"},
        "content": [
            fallback("a", {"type": "refusal", "category": "cyber"}),
            TEXT,
            fallback("b", {"type": "refusal", "category": "cyber"}),
            fallback("c", {"type": "refusal", "category": None}),
            fallback("d", "odd"),
        ],
    }

    hops = [Hop("a", "cyber"), Hop("b", SERVED), Hop("c", NOT_REPORTED), Hop("d", NOT_REPORTED)]
    assert attempts_of(message) == Attempts("bio", hops)


def test_odd_content_is_no_attempt() -> None:
    assert attempts_of({"content": ["x", 3, {"type": "fallback"}]}) == Attempts(hops=[Hop("", SERVED)])
