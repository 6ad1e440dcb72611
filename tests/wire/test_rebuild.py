"""A message rebuilt from its stream is the one that would have come without a stream, by the short way of deltas and the long."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.messages import read_response
from proxy.wire.rebuild import Rebuilder
from proxy.wire.sse import Event
from tests.wire.streams import stream

texts = st.none() | st.text(max_size=5) | st.just("\ud83d") | st.integers() | st.lists(st.text(max_size=2))
kinds = st.sampled_from(
    ["text_delta", "thinking_delta", "input_json_delta", "compaction_delta", "signature_delta", "new", None]
)
deltas = st.fixed_dictionaries(
    {"type": kinds},
    optional={
        "text": texts,
        "thinking": texts,
        "partial_json": texts,
        "content": texts,
        "encrypted_content": texts,
        "signature": texts,
        "more": texts,
    },
)
bodies = st.fixed_dictionaries(
    {"type": st.sampled_from(["content_block_delta", "message_stop", None]), "delta": deltas | texts},
    optional={"index": st.integers(-1, 2) | st.text(max_size=1) | st.booleans()},
)


@given(st.lists(bodies, max_size=8))
def test_deltas_of_any_kind_are_read_alike_by_both_ways(written: list[dict[str, object]]) -> None:
    data = [json.dumps(body).encode() for body in written]
    short, long = Rebuilder(), Rebuilder()

    short.add(Event("content_block_delta", event_data) for event_data in data)
    # Where the type is told, the name counts for nothing but the way.
    long.add(
        Event("message" if body["type"] else "content_block_delta", part)
        for body, part in zip(written, data, strict=True)
    )

    assert (short.message(), short.finished) == (long.message(), long.finished)


def rebuilt(*written: dict[str, Any]) -> dict[str, Any]:
    rebuilder = Rebuilder()
    rebuilder.add(Event(body["type"], json.dumps(body).encode()) for body in written)
    return rebuilder.message() or {}


def usage(**more: object) -> dict[str, object]:
    counts = {"input_tokens": 42, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    return {
        **counts,
        "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
        "service_tier": "standard",
        "inference_geo": "global",
        "speed": "standard",
        **more,
    }


def test_after_a_fallback_the_message_is_that_of_the_model_that_served() -> None:
    zero = {"cache_read_input_tokens": 0, "cache_creation_input_tokens": 0}
    declined = {
        "type": "message",
        "model": "claude-fable-5-2",
        "input_tokens": 40,
        "output_tokens": 1,
        **zero,
    }
    served = {
        **{"type": "fallback_message", "model": "claude-opus-5-5", "input_tokens": 42, "output_tokens": 6},
        **zero,
    }

    assert read_response(200, "text/event-stream", stream("fallback")).message == {
        **{"id": "msg_09", "type": "message", "role": "assistant", "model": "claude-opus-5-5"},
        "content": [
            {
                "type": "fallback",
                "from": {"model": "claude-fable-5-2"},
                "to": {"model": "claude-opus-5-5"},
                "trigger": {"type": "refusal", "category": "bio"},
            },
            {"type": "text", "text": "Here is an overview."},
        ],
        **{"stop_reason": "end_turn", "stop_sequence": None, "stop_details": None, "container": None},
        **{"input_transformations": [], "context_management": {"applied_edits": []}},
        "usage": usage(output_tokens=6, iterations=[declined, served]),
    }


def test_a_refusal_tells_its_category_and_a_null_takes_nothing_back() -> None:
    assert read_response(200, "text/event-stream", stream("refusal")).message == {
        **{"id": "msg_10", "type": "message", "role": "assistant", "model": "claude-opus-5-5", "content": []},
        **{"stop_reason": "refusal", "stop_sequence": None},
        "stop_details": {"type": "refusal", "category": "cyber", "explanation": "This asks for malware."},
        "container": {"id": "container_01", "expires_at": "2026-11-29T10:00:00Z"},
        "usage": usage(input_tokens=31, output_tokens=1, inference_geo="us", speed="fast"),
    }


@pytest.mark.parametrize(
    ("deltas", "block"),
    [
        ([{"content": "a"}, {"content": "b", "encrypted_content": "x"}], ("ab", "x")),
        (
            [{"content": "a", "encrypted_content": "x"}, {"content": None, "encrypted_content": None}],
            ("a", "x"),
        ),
        ([{"content": None, "encrypted_content": None}], (None, None)),
    ],
)
def test_a_compaction_keeps_its_summary_and_its_seal(
    deltas: list[dict[str, object]], block: tuple[object, object]
) -> None:
    start = {
        "type": "content_block_start",
        "index": 0,
        "content_block": {"type": "compaction", "content": None},
    }
    reported = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "compaction_delta", **delta}}
        for delta in deltas
    ]

    content, seal = block
    assert rebuilt(start, *reported)["content"] == [
        {"type": "compaction", "content": content, "encrypted_content": seal}
    ]


def test_a_fallback_block_without_a_model_changes_none() -> None:
    start = {"type": "message_start", "message": {"model": "claude-fable-5-2"}}
    block = {"type": "content_block_start", "index": 0, "content_block": {"type": "fallback", "to": None}}

    assert rebuilt(start, block)["model"] == "claude-fable-5-2"
