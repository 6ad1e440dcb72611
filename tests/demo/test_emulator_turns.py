"""Answers that took several calls of a model, or were served in a way of their own, as the API tells of them."""

from typing import Any

import httpx
import pytest
from anthropic import Anthropic

from proxy.wire.messages import read_response
from tests.demo.conftest import ASK

FABLE = {**ASK, "model": "claude-fable-5-2"}
COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")
AT_START_ONLY = {"cache_creation", "service_tier", "inference_geo", "speed"}
GROWN: dict[str, Any] = {
    "edits": [{"type": "compact_20260112", "trigger": {"type": "input_tokens", "value": 50_000}}]
}
BINDING = {"anthropic-beta": "thinking-binding-controls-2026-08-01"}


def answered(http: httpx.Client, body: dict[str, Any], words: str = "", **headers: str) -> dict[str, Any]:
    """The plain answer; its stream, read by Nexus, must say the same but for the ids."""
    headers = {name.replace("_", "-"): value for name, value in headers.items()} | {"x-emulate": words}
    plain = http.post("/v1/messages", json=body, headers=headers).json()
    streamed = http.post("/v1/messages", json={**body, "stream": True}, headers=headers)
    rebuilt = read_response(200, streamed.headers["content-type"], streamed.content).message
    assert rebuilt is not None
    assert (rebuilt.keys(), rebuilt["model"]) == (plain.keys(), plain["model"])
    assert rebuilt["stop_details"] == plain["stop_details"]
    assert [block.keys() for block in rebuilt["content"]] == [block.keys() for block in plain["content"]]  # type: ignore[attr-defined]  # a list of objects
    assert rebuilt["usage"].keys() == plain["usage"].keys()  # type: ignore[attr-defined]  # an object
    return dict(plain)


def counts(usage: dict[str, Any]) -> tuple[int, ...]:
    return tuple(usage[name] for name in COUNTS)


@pytest.mark.parametrize("category", ["cyber", "none"])
def test_a_refusal_tells_why_and_says_nothing(http: httpx.Client, category: str) -> None:
    message = answered(http, FABLE, f"refusal={category}")

    assert (message["stop_reason"], message["content"]) == ("refusal", [])
    assert message["stop_details"]["category"] == (None if category == "none" else category)
    assert message["usage"]["input_tokens"] > 1
    assert message["usage"]["output_tokens"] == 1


def test_a_model_can_decline_in_the_middle(http: httpx.Client) -> None:
    message = answered(http, FABLE, "refusal=bio, size=300")

    assert len(message["content"][0]["text"]) == 300
    assert message["usage"]["output_tokens"] > 50


@pytest.mark.parametrize(
    ("fallbacks", "model"),
    [("default", "claude-opus-5-5"), ([{"model": "claude-sonnet-5-5"}], "claude-sonnet-5-5")],
)
def test_another_model_takes_over_and_both_are_told(http: httpx.Client, fallbacks: Any, model: str) -> None:
    message = answered(http, {**FABLE, "fallbacks": fallbacks}, "refusal=bio")

    block, text = message["content"]
    declined, served = message["usage"]["iterations"]
    assert message["model"] == served["model"] == block["to"]["model"] == model
    assert declined["model"] == block["from"]["model"] == "claude-fable-5-2"
    assert block["trigger"] == {"type": "refusal", "category": "bio"}
    assert (declined["type"], served["type"]) == ("message", "fallback_message")
    assert counts(served) == counts(message["usage"])
    assert (text["type"], message["stop_details"]) == ("text", None)


def test_where_nobody_can_take_over_the_refusal_stays(http: httpx.Client) -> None:
    message = answered(
        http, {**ASK, "model": "claude-haiku-5-5", "fallbacks": "default"}, "refusal=general_harms"
    )

    assert message["stop_reason"] == "refusal"


def test_a_prompt_that_grew_too_long_is_summarized_first(http: httpx.Client) -> None:
    body = {**ASK, "context_management": GROWN}

    message = answered(http, body, "prompt-tokens=160000")
    short = answered(http, body)

    summary, text = message["content"]
    compaction, own = message["usage"]["iterations"]
    assert summary.keys() == {"type", "content", "encrypted_content"}
    assert text["type"] == "text"
    assert compaction["input_tokens"] == 160_000
    assert (own["type"], counts(own)) == ("message", counts(message["usage"]))
    assert message["context_management"] == {"applied_edits": []}
    assert "iterations" not in short["usage"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"compaction": {"type": "summarize"}}, ""),
        (
            {"context_management": {"edits": [{**GROWN["edits"][0], "pause_after_compaction": True}]}},
            "compaction",
        ),
    ],
)
def test_a_summary_alone_is_told_by_its_entry_only(
    http: httpx.Client, more: dict[str, Any], words: str
) -> None:
    message = answered(http, {**ASK, **more}, words)

    assert [block["type"] for block in message["content"]] == ["compaction"]
    assert message["stop_reason"] == "compaction"
    assert [entry["type"] for entry in message["usage"]["iterations"]] == ["compaction"]
    assert counts(message["usage"]) == (0, 0, 0, 0)


@pytest.mark.parametrize(
    ("body", "words", "served"),
    [
        ({}, "", ("standard", "global", "standard")),
        ({"speed": "fast", "inference_geo": "us"}, "priority", ("priority", "us", "fast")),
        ({"service_tier": "standard_only"}, "priority", ("standard", "global", "standard")),
        ({"model": "claude-sonnet-5-5", "speed": "fast"}, "", ("standard", "global", "standard")),
        ({"model": "claude-haiku-4-5-20251001"}, "", ("standard", "not_available", "standard")),
    ],
)
def test_the_usage_tells_how_a_request_was_served(
    http: httpx.Client, body: dict[str, Any], words: str, served: tuple[str, ...]
) -> None:
    usage = answered(http, {**ASK, "model": "claude-opus-5-5", **body}, words)["usage"]

    assert (usage["service_tier"], usage["inference_geo"], usage["speed"]) == served


def test_older_models_run_anywhere_and_opus_5_is_fast_by_a_beta_only(http: httpx.Client) -> None:
    old = {**ASK, "model": "claude-haiku-4-5-20251001", "inference_geo": "us"}
    fast = {**ASK, "model": "claude-opus-5", "speed": "fast"}

    assert http.post("/v1/messages", json=old).status_code == 400
    assert http.post("/v1/messages", json=fast).status_code == 400
    usage = answered(http, fast, anthropic_beta="a,fast-mode-2026-02-01")["usage"]
    assert usage["speed"] == "fast"


def test_a_long_prompt_is_told_without_being_sent(http: httpx.Client) -> None:
    usage = answered(http, {**ASK, "model": "claude-haiku-5-5"}, "prompt-tokens=120000")["usage"]

    assert usage["input_tokens"] == 120_000


def test_thinking_can_be_left_out_and_counts_all_the_same(http: httpx.Client) -> None:
    message = answered(http, {**ASK, "thinking": {"type": "adaptive", "display": "omitted"}})

    thinking = message["content"][0]
    assert (thinking["thinking"], len(thinking["signature"]) > 100) == ("", True)
    thought = message["usage"]["output_tokens_details"]["thinking_tokens"]
    assert 10 < thought < message["usage"]["output_tokens"]


def test_a_dropped_thinking_block_is_told_to_who_asks(http: httpx.Client) -> None:
    thinking = {"type": "thinking", "thinking": "", "signature": "x"}
    turns = [
        {"role": "assistant", "content": [thinking, {"type": "text", "text": "Hello"}]},
        {"role": "user", "content": "Go on"},
    ]
    body = {**FABLE, "messages": [*ASK["messages"], *turns], "fallbacks": "default"}

    dropped = answered(http, body, "thinking-dropped, refusal=bio", **BINDING)

    assert dropped["input_transformations"] == [
        {
            "type": "thinking_dropped",
            "path": "messages.1.content.0",
            "reason": "organization_binding_mismatch",
        }
    ]
    assert answered(http, body, **BINDING)["input_transformations"] == []
    assert "input_transformations" not in answered(http, body, "thinking-dropped")


def test_a_page_is_fetched_after_a_search(client: Anthropic) -> None:
    tools: Any = [
        {"type": "web_search_20260318", "name": "web_search"},
        {"type": "web_fetch_20260318", "name": "web_fetch"},
    ]
    response = client.messages.create(**ASK, tools=tools)

    assert [block.type for block in response.content] == [
        *("server_tool_use", "web_search_tool_result", "server_tool_use", "web_fetch_tool_result", "text")
    ]
    used = response.usage.server_tool_use
    assert used is not None
    assert (used.web_search_requests, used.web_fetch_requests) == (1, 1)


def test_the_last_usage_repeats_nothing_of_how_a_request_was_served(client: Anthropic) -> None:
    with client.messages.stream(**ASK) as events:
        ending = next(event for event in events if event.type == "message_delta")

    assert not AT_START_ONLY & ending.usage.to_dict().keys()


def test_a_reminder_is_no_order_and_a_system_message_ends_no_turn(client: Anthropic) -> None:
    tool: Any = {"name": "Bash", "description": "", "input_schema": {"type": "object"}}
    reminder = "<system-reminder>\nBash is done.\n</system-reminder>"
    said: list[Any] = [
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "Bash"}]},
        {"role": "system", "content": "Use Bash for commands."},
    ]

    noted = client.messages.create(
        **{**ASK, "messages": [{"role": "user", "content": reminder}]}, tools=[tool]
    )
    reported = client.messages.create(**{**ASK, "messages": said}, tools=[tool])

    assert (noted.stop_reason, reported.stop_reason) == ("end_turn", "end_turn")
