"""Records as the proxy would make them."""

import json
import secrets
from datetime import UTC, datetime
from uuid import UUID

from proxy.record import COMPLETE, Batch, Closing, Head, HeaderPairs, Record

JSON: HeaderPairs = [("Content-Type", "application/json"), ("request-id", "req_1")]
SSE: HeaderPairs = [("content-type", "text/event-stream; charset=utf-8")]
MODEL = "claude-sonnet-4-5"
NOON = datetime(2026, 11, 20, 12, 30, tzinfo=UTC)


def uuid7(moment: datetime = NOON) -> UUID:
    """RFC 9562 §5.7, with random bits."""
    milliseconds = round(moment.timestamp() * 1000)
    random = secrets.randbits(74)
    return UUID(int=milliseconds << 80 | 7 << 76 | (random >> 62) << 64 | 2 << 62 | random & (2**62 - 1))


def ask(text: str = "Hello", **more: object) -> bytes:
    body = {"model": MODEL, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    return json.dumps(body | more).encode()


def say(text: str = "Hi", *, input_tokens: int = 10, output_tokens: int = 5, **more: object) -> bytes:
    body = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": input_tokens, "output_tokens": output_tokens},
    }
    return json.dumps(body | more).encode()


def stream(*events: dict[str, object]) -> bytes:
    return b"".join(
        b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), json.dumps(event).encode())
        for event in events
    )


def start(**usage: int) -> dict[str, object]:
    return {"type": "message_start", "message": {"id": "msg_2", "model": MODEL, "usage": usage}}


def make_head(moment: datetime = NOON, /, **changes: object) -> Head:
    fields: dict[str, object] = {
        "id": str(uuid7(moment)),
        "started_at": moment.timestamp(),
        "domain": "a.example",
        "method": "POST",
        "target": "/v1/messages?beta=true",
        "headers": [("content-type", "application/json")],
        "paid_by": "database:team",
        "account": "team",
    }
    return Head(**(fields | changes))  # type: ignore[arg-type]  # the caller names the fields


def make_closing(**changes: object) -> Closing:
    fields: dict[str, object] = {
        "outcome": COMPLETE,
        "status": 200,
        "headers": JSON,
        "first_byte_ms": 12.4,
        "duration_ms": 250.6,
        "chunks": [(12.4, 100), (250.6, 44)],
    }
    return Closing(**(fields | changes))  # type: ignore[arg-type]  # the caller names the fields


def make_record(
    request: bytes | None = None,
    response: bytes | None = None,
    *,
    serial: int = 1,
    head: Head | None = None,
    closing: Closing | None = None,
) -> Record:
    return Record(
        serial,
        head or make_head(),
        closing or make_closing(),
        ask() if request is None else request,
        say() if response is None else response,
    )


def make_batch(*records: Record, spool: str = "", accepted: int = 0, dropped: int = 0) -> Batch:
    return Batch(spool or str(uuid7()), accepted or len(records), dropped, list(records))
