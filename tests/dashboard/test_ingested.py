"""What ingest stores is what the dashboard shows: the two meet only in the tables."""

import pytest
from django.test import Client
from django.utils import timezone

from tests.people import take_in
from tests.store import records

pytestmark = pytest.mark.django_db
RESPONSE = records.stream(
    records.start(input_tokens=40, output_tokens=1, cache_read_input_tokens=7),
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Streamed **words**"},
    },
    {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 60}},
    {"type": "message_stop"},
)


@pytest.fixture
def exchange_id() -> str:
    """A streamed exchange of just now, of the second of three records that its spool accepted."""
    head = records.make_head(
        timezone.now(), headers=[("x-app", "cli"), ("x-app", "again"), ("x-api-key", "****")]
    )
    closing = records.make_closing(headers=records.SSE)
    record = records.make_record(records.ask("Please stream"), RESPONSE, serial=2, head=head, closing=closing)
    take_in(records.make_batch(record, accepted=3))
    return head.id


def test_the_pages_show_an_ingested_exchange(signed_in: Client, exchange_id: str) -> None:
    paths = ["/dashboard", "/dashboard/requests", "/dashboard/usage"]
    paths += [f"/dashboard/request/{exchange_id}?view={view}" for view in ("conversation", "raw", "headers")]

    overview, listed, usage, talk, raw, headers = (signed_in.get(path).content.decode() for path in paths)

    assert "100 tokens" in overview
    assert 'title="7 tokens read"' in overview
    assert f"/dashboard/request/{exchange_id}" in listed
    assert "a.example" in usage
    assert "Please stream" in talk
    assert "Streamed <strong>words</strong>" in talk
    assert "put together from the stream" in raw
    assert "2 pieces between 12 ms and 251 ms" in headers
    assert headers.count(">x-app<") == 2


def test_the_api_gives_an_ingested_exchange(program: Client, exchange_id: str) -> None:
    found = program.get(f"/api/requests/{exchange_id}").json()
    raw = program.get(f"/api/requests/{exchange_id}/raw/response").content
    stats = program.get("/api/stats").json()
    pipeline = program.get("/api/pipeline").json()

    assert (found["inputTokens"], found["outputTokens"], found["cacheReadInputTokens"]) == (40, 60, 7)
    assert found["responseBody"]["content"] == [{"type": "text", "text": "Streamed **words**"}]
    assert raw == RESPONSE
    assert (stats["totalRequests"], stats["totalTokens"]) == (1, 100)
    assert (pipeline["accepted"], pipeline["stored"], pipeline["waiting"]) == (3, 1, 2)
