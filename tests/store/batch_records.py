"""Records of the life of a message batch."""

import json
from datetime import datetime

from proxy.record import HeaderPairs, Record
from tests.store.records import NOON, make_closing, make_head, make_record

BATCH = "msgbatch_01"
JSONL: HeaderPairs = [("content-type", "application/x-jsonl")]


def create(
    batch_id: str = BATCH,
    *,
    requests: int = 6,
    created_at: str | None = "2026-11-20T12:30:00+00:00",
    moment: datetime = NOON,
    **head: object,
) -> Record:
    """The request that creates a batch, with its answer."""
    response = {
        "id": batch_id,
        "type": "message_batch",
        "request_counts": {"processing": requests},
        "created_at": created_at,
    }
    asked = {"requests": [{"custom_id": "a", "params": {"model": "claude-opus-4-5", "max_tokens": 5}}]}
    return make_record(
        json.dumps(asked).encode(),
        json.dumps(response).encode(),
        head=make_head(moment, **({"target": "/v1/messages/batches"} | head)),
    )


def fetch(
    results: bytes,
    batch_id: str = BATCH,
    *,
    moment: datetime = NOON,
    closing: dict[str, object] | None = None,
    **head: object,
) -> Record:
    """The request that fetches a batch's results."""
    target = f"/v1/messages/batches/{batch_id}/results"
    return make_record(
        b"",
        results,
        head=make_head(moment, **({"method": "GET", "target": target} | head)),
        closing=make_closing(**({"headers": JSONL} | (closing or {}))),
    )
