"""Answers whose bills have every kind of line, stored as ingest stores them."""

import json
from typing import Any

from proxy.record import Record
from proxy.store.models import Exchange
from tests.people import take_in
from tests.store.records import ask, make_batch, make_head, make_record, say

OPUS, SONNET, HAIKU, FABLE = "claude-opus-5-5", "claude-sonnet-5-5", "claude-haiku-5-5", "claude-fable-5-2"
CALL: dict[str, object] = {"input_tokens": 100, "output_tokens": 200}
REFUSED: dict[str, object] = {"content": [], "stop_reason": "refusal", "stop_details": {"category": "cyber"}}
FALLBACK: dict[str, object] = {
    "type": "fallback", "from": {"model": FABLE}, "to": {"model": OPUS}, "trigger": {"category": "cyber"},
}  # fmt: skip

# Who answers, its usage, and what else its answer says.
KINDS: dict[str, tuple[str, dict[str, object], dict[str, object]]] = {
    "plain": (OPUS, {"input_tokens": 1234, "output_tokens": 567, "cache_read_input_tokens": 89_001}, {}),
    "writes": (
        SONNET,
        {"cache_creation_input_tokens": 4001, "cache_creation": {"ephemeral_1h_input_tokens": 3000}},
        {},
    ),
    "fast in the US": (OPUS, CALL | {"speed": "fast", "inference_geo": "us"}, {}),
    "upper band": (HAIKU, {"input_tokens": 7, "output_tokens": 3, "cache_read_input_tokens": 100_000}, {}),
    "batch": (OPUS, CALL | {"service_tier": "batch"}, {}),
    "priority": (OPUS, CALL | {"service_tier": "priority"}, {}),
    "web search": (OPUS, CALL | {"server_tool_use": {"web_search_requests": 3}}, {}),
    "refused before any output": (OPUS, CALL, REFUSED),
    "fallback": (
        OPUS,
        CALL
        | {
            "iterations": [
                {"type": "message", "model": FABLE, "input_tokens": 50, "output_tokens": 0},
                CALL | {"type": "fallback_message", "model": OPUS},
            ]
        },
        {"content": [FALLBACK, {"type": "text", "text": "Hi"}]},
    ),
    "compaction": (
        OPUS,
        CALL
        | {
            "iterations": [
                {"type": "compaction", "input_tokens": 90_000, "output_tokens": 400},
                CALL | {"type": "message"},
            ]
        },
        {},
    ),
    "advisor": (
        HAIKU,
        CALL
        | {
            "iterations": [
                CALL | {"type": "message"},
                {"type": "advisor_message", "model": OPUS, "input_tokens": 300, "output_tokens": 40},
            ]
        },
        {},
    ),
    "a field that nobody knows": (OPUS, CALL | {"video_seconds": 7}, {}),
}


def record_of(kind: str, **head: object) -> Record:
    model, usage, more = KINDS[kind]
    return record(model, usage, head=head, **more)


def record(
    model: str, usage: dict[str, object], head: dict[str, object] | None = None, **more: object
) -> Record:
    """An exchange whose answer has this usage."""
    response = json.loads(say(model=model)) | more | {"usage": usage}
    return make_record(ask(model=model), json.dumps(response).encode(), head=make_head(**(head or {})))


def stored(record: Record) -> Exchange:
    """The row that ingest makes of a record."""
    take_in(make_batch(record))
    row: Exchange = Exchange.objects.get(id=record.head.id)
    return row


def answered(model: str, usage: dict[str, object], **more: object) -> bytes:
    """A line of a batch's results."""
    message: dict[str, Any] = json.loads(say(model=model)) | more
    message["usage"] = usage | {"service_tier": "batch"}
    return (
        json.dumps({"custom_id": "a", "result": {"type": "succeeded", "message": message}}).encode() + b"\n"
    )
