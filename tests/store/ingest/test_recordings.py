"""Exchanges that other projects recorded from the real API; the folder is not part of a clone."""

import base64
import json
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.db.models import Sum

from proxy.record import Record
from proxy.store.bodies.blobs import body_of
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import message_batches
from proxy.store.models import Blob, DeadLetter, Exchange
from tests.recordings import FILES, MISSING
from tests.store.records import make_batch, make_closing, make_head, make_record

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not FILES, reason=MISSING),
]


def recorded(recording: dict[str, Any]) -> Record:
    request, response = recording["request"], recording["response"]
    return make_record(
        (request["body"] or "").encode(),
        base64.b64decode(response["body_b64"]),
        head=make_head(
            target=request["path"], method=request["method"], headers=list(request["headers"].items())
        ),
        closing=make_closing(status=response["status"], headers=list(response["headers"].items())),
    )


def test_every_recorded_exchange_is_stored_exactly_and_read_as_expected(prices: None) -> None:
    recordings = [json.loads(path.read_text()) for path in FILES]
    records = [recorded(item) for item in recordings]

    assert ingest.ingest(make_batch(*records)) == len(records)

    assert not DeadLetter.objects.exists()
    for recording, record in zip(recordings, records, strict=True):
        row = Exchange.objects.get(pk=record.head.id)
        expected = recording["expected"]
        assert (None if message_batches.usage_of(row) else row.usage) == expected.get("usage")
        assert row.tool_names == expected.get("tool_names", [])
        assert row.error_type == (expected.get("error_type") or "")
        assert row.streamed == recording["streaming"]
        assert body_of(UUID(record.head.id), "request") == record.request_body
        assert body_of(UUID(record.head.id), "response") == record.response_body


def test_each_recorded_answer_that_tells_its_usage_has_an_exact_cost(prices: None) -> None:
    ingest.ingest(make_batch(*(recorded(json.loads(path.read_text())) for path in FILES)))

    billed = Exchange.objects.exclude(usage=None)
    assert set(billed.values_list("cost_state", "cost_reason")) == {("exact", "")}
    # Their type is no longer documented, and they reported no usage.
    assert set(Exchange.objects.filter(cost_state="partial").values_list("request_type", flat=True)) == {
        "complete"
    }
    positions = list(billed.exclude(inference_geo="").values_list("inference_geo", flat=True))
    assert positions.count("not_available") == 16  # and two lines of a batch


def test_the_turns_of_a_recorded_session_share_what_they_repeat(prices: None) -> None:
    paths = [path for path in FILES if path.name.startswith("claude-trace")]
    turns = [
        item
        for item in (recorded(json.loads(path.read_text())) for path in paths)
        if len(item.request_body) > 50_000
    ]

    ingest.ingest(make_batch(*(msgspec.structs.replace(turn, response_body=b"") for turn in turns)))

    assert [body_of(UUID(turn.head.id), "request") for turn in turns] == [turn.request_body for turn in turns]
    kept = Blob.objects.aggregate(size=Sum("size"))["size"]
    assert kept < 1.1 * max(len(turn.request_body) for turn in turns)
