"""Stored exchanges for tests: only what a test names differs."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import uuid_utils

from proxy.record import COMPLETE, UPSTREAM_ERROR
from proxy.store.announce import Stored
from proxy.wire.billing.usage import Counts
from proxy.wire.messages import ToolCall

STARTED_AT = datetime(2026, 11, 23, 10, 20, 30, tzinfo=UTC)


def response(text: str, *calls: ToolCall) -> dict[str, object]:
    blocks: list[dict[str, object]] = [{"type": "text", "text": text}]
    blocks += [{"type": "tool_use", "id": call.id, "name": call.name, "input": call.input} for call in calls]
    return {"type": "message", "role": "assistant", "content": blocks}


def call(name: str, **fields: object) -> ToolCall:
    return ToolCall(name, "toolu_1", dict(fields))


def exchange(domain: str = "api.example.com", *, calls: tuple[ToolCall, ...] = (), **fields: Any) -> Stored:
    usual = Stored(
        exchange_id=UUID(bytes=uuid_utils.uuid7().bytes),
        domain=domain,
        session_id="session-1",
        request_type="inference",
        outcome=COMPLETE,
        status=200,
        error_type="",
        error_message="",
        model="claude-sonnet-4-5",
        account="acc_team",
        started_at=STARTED_AT,
        duration_ms=1200,
        counts=Counts(12, 34, 0, 0),
        response_bytes=100,
        user_text="Where is Lisbon?",
        first_user_text="Where is Lisbon?",
        message=response("In Portugal.", *calls),
        tool_calls=calls,
    )
    return replace(usual, **fields)


def failure(domain: str = "api.example.com", **fields: Any) -> Stored:
    usual: dict[str, Any] = {
        "outcome": UPSTREAM_ERROR,
        "status": 529,
        "error_type": "overloaded_error",
        "error_message": "Overloaded",
        "message": None,
    }
    return exchange(domain, **(usual | fields))
