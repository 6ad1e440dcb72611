"""Sessions as records: made-up ones, and the recorded ones where they are at hand."""

import json
from base64 import b64decode
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection

from proxy.record import COMPLETE, UPSTREAM_ERROR, Record
from proxy.store.postgres.partitions import TABLES
from tests.conversations.clients import Sent, body_of
from tests.recordings import FOLDER
from tests.store.records import make_closing, make_head, make_record

SESSIONS = sorted((FOLDER / "sessions").glob("*.truth.json"))
USAGE = {
    "input_tokens": 10,
    "output_tokens": 5,
    "cache_read_input_tokens": 3,
    "cache_creation_input_tokens": 2,
}


def record_of(sent: Sent, domain: str = "a.example") -> Record:
    """What the proxy would have recorded of it."""
    hints = {"x-claude-code-session-id": sent.session, "x-claude-code-agent-id": sent.agent}
    hints |= {"x-claude-code-parent-agent-id": sent.caller, **sent.headers}
    head = make_head(
        sent.started_at,
        id=str(sent.id),
        domain=domain,
        headers=[
            ("content-type", "application/json"),
            *((name, value) for name, value in hints.items() if value),
        ],
    )
    if sent.response is None:
        error = json.dumps(
            {"type": "error", "error": {"type": "overloaded_error", "message": "later"}}
        ).encode()
        closing = make_closing(outcome=UPSTREAM_ERROR, status=529)
        return make_record(body_of(sent), error, serial=sent.place + 1, head=head, closing=closing)
    message = {
        "type": "message",
        "role": "assistant",
        "model": "claude-sonnet-5",
        "stop_reason": "end_turn",
        "usage": USAGE,
    }
    response = json.dumps(message | sent.response).encode()
    return make_record(body_of(sent), response, serial=sent.place + 1, head=head)


def recorded(name: str) -> tuple[list[Record], dict[str, Any]]:
    """The records of a recorded session, in order, and its true tree."""
    truth = json.loads((FOLDER / "sessions" / f"{name}.truth.json").read_text())
    lines = (FOLDER / "sessions" / f"{name}.jsonl").read_text().splitlines()
    return [_record(json.loads(line)) for line in lines], truth


def forget_all() -> None:
    """As if nothing of traffic had ever come."""
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {', '.join(TABLES)}, proxy_conversation, proxy_pendingconversation")


def place_of(exchange: UUID) -> int:
    """The place in its session that `record_of` and `recorded` put into an id."""
    return exchange.int & 0xFFFF


def _record(line: dict[str, Any]) -> Record:
    moment = datetime.fromtimestamp(line["started_at"], UTC)
    identity = UUID(int=int(moment.timestamp() * 1000) << 80 | 7 << 76 | 2 << 62 | line["index"])
    complete = line["status"] < 400 and line["response_complete"]
    closing = make_closing(
        outcome=COMPLETE if complete else UPSTREAM_ERROR if line["status"] >= 400 else "client_left",
        status=line["status"],
        headers=_pairs(line["response_headers"]),
    )
    head = make_head(moment, id=str(identity), target=line["target"], headers=_pairs(line["request_headers"]))
    request, response = b64decode(line["request_body_b64"] or ""), b64decode(line["response_body_b64"] or "")
    return make_record(request, response, serial=line["index"] + 1, head=head, closing=closing)


def _pairs(headers: Sequence[Sequence[str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in headers]
