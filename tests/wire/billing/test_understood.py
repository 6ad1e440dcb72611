"""No bill is called exact by a usage of which something is not understood."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.wire.billing.pricing import cost
from proxy.wire.billing.understood import MOST_REASONS, not_understood, says_something
from proxy.wire.billing.usage import merge
from tests.prices import BOOK

NOW = datetime(2026, 11, 20, tzinfo=UTC)
KNOWN: dict[str, Any] = {
    "input_tokens": 5,
    "output_tokens": 6,
    "cache_read_input_tokens": 0,
    "cache_creation_input_tokens": 3,
    "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 1},
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 2},
    "output_tokens_details": {"thinking_tokens": 4},
    "service_tier": "standard",
    "speed": "fast",
    "inference_geo": "not_available",
    "fallback_credit": {"status": {"type": "not_applied", "reason": "expired"}},
    "iterations": [
        {"type": "message", "model": "claude-opus-5", "input_tokens": 5, "output_tokens": 6,
         "cache_creation_input_tokens": 3, "cache_creation": {"ephemeral_1h_input_tokens": 1},
         "output_tokens_details": {"thinking_tokens": 4}, "service_tier": None},
        {"type": "compaction", "model": None},
    ],
}  # fmt: skip


def test_what_the_api_documents_is_understood() -> None:
    assert not_understood(KNOWN) == []
    assert cost(merge(KNOWN), "claude-opus-5", NOW, BOOK).state == "exact"


@pytest.mark.parametrize(
    ("field", "value", "name"),
    [
        ("inference_geo", "eu", "inference_geo"),
        ("speed", "turbo", "speed"),
        ("service_tier", "flex", "service_tier"),
        ("service_tier", 3, "service_tier"),
        ("input_tokens", "5", "input_tokens"),
        ("input_tokens", 5.5, "input_tokens"),
        ("output_tokens", -1, "output_tokens"),
        ("output_tokens", 2**63, "output_tokens"),
        ("cache_read_input_tokens", True, "cache_read_input_tokens"),
        ("cache_creation", 5, "cache_creation"),
        ("cache_creation", {"ephemeral_1d_input_tokens": 5}, "cache_creation.ephemeral_1d_input_tokens"),
        ("server_tool_use", {"code_execution_requests": 1}, "server_tool_use.code_execution_requests"),
        ("server_tool_use", {"web_search_requests": "3"}, "server_tool_use.web_search_requests"),
        ("output_tokens_details", {"audio_tokens": 1}, "output_tokens_details.audio_tokens"),
        ("fallback_credit", {"status": "later"}, "fallback_credit.status"),
        ("fallback_credit", {"amount": 3}, "fallback_credit.amount"),
        ("fallback_credit", "redeemed", "fallback_credit.status"),
        ("iterations", "many", "iterations"),
        ("iterations", [None, "one"], "iterations.1"),
        ("iterations", [{"type": "dream"}], "iterations.0.type"),
        ("iterations", [{"type": 3}], "iterations.0.type"),
        ("iterations", [{"type": "message", "model": 3}], "iterations.0.model"),
        ("iterations", [{"type": "message", "speed": "slow"}], "iterations.0.speed"),
        ("iterations", [{"type": "message", "input_tokens": "3"}], "iterations.0.input_tokens"),
        ("iterations", [{"type": "message", "server_tool_use": {"x": 1}}], "iterations.0.server_tool_use"),
        ("surcharge", [{}, [None, "x"]], "surcharge"),
        ("surcharge", True, "surcharge"),
    ],
)
def test_what_is_not_understood_is_named(field: str, value: object, name: str) -> None:
    assert name in not_understood({**KNOWN, field: value})
    assert cost(merge({**KNOWN, field: value}), "claude-opus-5", NOW, BOOK).state == "partial"


@pytest.mark.parametrize("value", [None, 0, 0.0, False, "", {}, [], {"a": {"b": [0, None, ""]}}])
@pytest.mark.parametrize("field", [*KNOWN, "surcharge"])
def test_what_says_nothing_is_nothing_to_be_understood(field: str, value: object) -> None:
    assert not_understood({**KNOWN, field: value}) == []


def test_a_call_may_repeat_how_the_whole_answer_was_served() -> None:
    entry = {"type": "message", "speed": "fast", "inference_geo": "us"}

    assert not_understood({"speed": "fast", "inference_geo": "us", "iterations": [entry]}) == []
    assert not_understood({"speed": "fast", "iterations": [entry]}) == ["iterations.0.inference_geo"]


def test_there_is_an_end_to_the_names() -> None:
    assert len(not_understood({f"field-{number}": 1 for number in range(99)})) == MOST_REASONS


def test_a_value_of_any_depth_says_something() -> None:
    deep: object = 0
    for _ in range(900):
        deep = [deep]

    assert says_something(deep)


def test_a_count_that_cannot_be_read_does_not_hide_behind_an_earlier_one() -> None:
    usage = merge(
        {"output_tokens": 1}, {"output_tokens": "12", "cache_creation": {"ephemeral_1h_input_tokens": 5}}
    )
    later = merge({"cache_creation": {"ephemeral_1h_input_tokens": 5}}, {"cache_creation": "5"})

    assert usage.output_tokens == 1
    assert not_understood(usage.raw) == ["unreadable output_tokens"]
    assert not_understood(later.raw) == ["unreadable cache_creation"]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
PLACES = st.sampled_from(
    [
        (),
        ("cache_creation",),
        ("server_tool_use",),
        ("output_tokens_details",),
        ("fallback_credit",),
        ("iterations", 0),
    ]
)


@given(position=PLACES, name=st.text(min_size=1, max_size=30), value=JSON)
def test_no_usage_with_an_unknown_field_that_says_something_is_exact(
    position: tuple[str | int, ...], name: str, value: object
) -> None:
    usage: Any = {**KNOWN, "iterations": [dict(KNOWN["iterations"][0])]}
    target = usage
    for step in position:
        target[step] = dict(target[step]) if isinstance(target[step], dict) else list(target[step])
        target = target[step]
    assume(name not in target and name not in KNOWN and name not in ("type", "model"))
    target[name] = value

    state = cost(merge(usage), "claude-opus-5", NOW, BOOK).state

    assert state == ("partial" if says_something(value) else "exact")
