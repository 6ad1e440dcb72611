import json
from datetime import UTC, datetime

import anthropic
import httpx
import pytest
from anthropic import Anthropic

from nexus_project.demo.emulator.api.paging import page
from tests.demo.conftest import ASK

ITEMS = [{"id": str(number)} for number in range(5)]


def test_models_are_listed_page_by_page(client: Anthropic) -> None:
    everything = list(client.models.list(limit=2))

    assert len(everything) == len({model.id for model in everything}) > 2
    assert client.models.retrieve(everything[0].id) == everything[0]


def test_a_model_tells_its_line_and_when_it_retires(client: Anthropic) -> None:
    current = client.beta.models.retrieve("claude-opus-5-5")
    old = client.beta.models.retrieve("claude-opus-4-5-20251101")

    assert (current.line, current.lifecycle, current.retires_at) == ("opus", "active", None)
    assert current.allowed_fallback_models == ["claude-opus-5"]
    assert (old.lifecycle, old.retires_at) == ("deprecated", datetime(2027, 1, 22, tzinfo=UTC))
    assert old.deprecated_at is not None
    assert old.allowed_fallback_models == []


def test_an_unknown_model_is_not_found(client: Anthropic) -> None:
    with pytest.raises(anthropic.NotFoundError):
        client.models.retrieve("claude-0")


@pytest.mark.parametrize(
    ("query", "found", "more"),
    [
        ({}, "01234", False),
        ({"limit": "2"}, "01", True),
        ({"limit": "2", "after_id": "2"}, "34", False),
        ({"limit": "2", "before_id": "3"}, "12", True),
        ({"before_id": "0"}, "", False),
    ],
)
def test_a_page_is_cut_by_limit_and_neighbours(query: dict[str, str], found: str, more: bool) -> None:
    cut = page(ITEMS, query)

    assert "".join(item["id"] for item in cut["data"]) == found
    assert cut["has_more"] is more
    assert cut["first_id"] == (found[0] if found else None)


def test_a_batch_gives_a_result_for_each_request(client: Anthropic) -> None:
    bad = {**ASK, "model": "unknown"}
    created = client.messages.batches.create(
        requests=[{"custom_id": "a", "params": ASK}, {"custom_id": "b", "params": bad}]  # type: ignore[typeddict-item]  # built from a plain dict
    )

    batch = client.messages.batches.retrieve(created.id)
    results = {line.custom_id: line.result.type for line in client.messages.batches.results(created.id)}

    assert created.processing_status == "in_progress"
    assert batch.processing_status == "ended"
    assert (batch.request_counts.succeeded, batch.request_counts.errored) == (1, 1)
    assert results == {"a": "succeeded", "b": "errored"}


def test_a_batch_is_a_tier_of_its_own_without_fast_answers_and_fallbacks(http: httpx.Client) -> None:
    params = {**ASK, "model": "claude-fable-5-2", "speed": "fast", "fallbacks": "default"}
    asked = {"requests": [{"custom_id": "a", "params": params}]}
    created = http.post("/v1/messages/batches", json=asked, headers={"x-emulate": "refusal=bio"}).json()

    line = http.get(f"/v1/messages/batches/{created['id']}/results").json()

    message = line["result"]["message"]
    assert message["stop_reason"] == "refusal"
    assert (message["usage"]["service_tier"], message["usage"]["speed"]) == ("batch", "standard")


def test_a_batch_created_under_the_newest_version_keeps_its_rules(http: httpx.Client) -> None:
    asked = {"requests": [{"custom_id": "a", "params": {**ASK, "top_k": 3}}]}
    lines = []
    for version in ("2023-06-01", "2026-10-21"):
        headers = {"anthropic-version": version}
        created = http.post("/v1/messages/batches", json=asked, headers=headers).json()
        lines.append(http.get(f"/v1/messages/batches/{created['id']}/results").json())

    assert [line["result"]["type"] for line in lines] == ["succeeded", "errored"]


def test_a_batch_can_be_listed_and_deleted(client: Anthropic) -> None:
    created = client.messages.batches.create(requests=[{"custom_id": "a", "params": ASK}])  # type: ignore[typeddict-item]  # built from a plain dict

    assert [batch.id for batch in client.messages.batches.list()] == [created.id]
    client.messages.batches.delete(created.id)

    for gone in (client.messages.batches.retrieve, client.messages.batches.delete):
        with pytest.raises(anthropic.NotFoundError):
            gone(created.id)


def test_a_batch_that_is_cancelled_in_time_gives_no_answers(client: Anthropic) -> None:
    early, late = (
        client.messages.batches.create(requests=[{"custom_id": "a", "params": ASK}])  # type: ignore[typeddict-item]  # built from a plain dict
        for _ in range(2)
    )
    client.messages.batches.retrieve(late.id)

    assert client.messages.batches.cancel(early.id).processing_status == "canceling"
    assert client.messages.batches.cancel(late.id).processing_status == "ended"
    assert client.messages.batches.retrieve(early.id).request_counts.canceled == 1
    assert [line.result.type for line in client.messages.batches.results(early.id)] == ["canceled"]
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.cancel("msgbatch_0")


def test_a_batch_needs_requests_and_results_need_a_batch(http: httpx.Client) -> None:
    assert http.post("/v1/messages/batches", json={}).status_code == 400
    assert http.get("/v1/messages/batches/msgbatch_0/results").status_code == 404


def test_a_file_comes_back_byte_for_byte(client: Anthropic) -> None:
    content = bytes(range(256)) + b"\r\n--\r\n"

    uploaded = client.files.upload(file=("notes.bin", content, "application/x-notes"))

    assert uploaded.size_bytes == len(content)
    assert uploaded.mime_type == "application/x-notes"
    assert client.files.retrieve_metadata(uploaded.id).filename == "notes.bin"
    assert client.files.download(uploaded.id).read() == content
    assert [file.id for file in client.files.list()] == [uploaded.id]


def test_a_deleted_file_is_gone(client: Anthropic) -> None:
    uploaded = client.files.upload(file=("a.txt", b"a"))

    client.files.delete(uploaded.id)

    for gone in (client.files.delete, client.files.retrieve_metadata, client.files.download):
        with pytest.raises(anthropic.NotFoundError):
            gone(uploaded.id)


@pytest.mark.parametrize(
    "content_type", ["text/plain", "multipart/form-data; boundary=other", "multipart/form-data; boundary=b"]
)
def test_an_upload_without_a_file_is_refused(http: httpx.Client, content_type: str) -> None:
    body = b'--b\r\ncontent-disposition: form-data; name="note"\r\n\r\nhello\r\n--b--\r\n'

    assert http.post("/v1/files", content=body, headers={"content-type": content_type}).status_code == 400


def test_the_legacy_completion_streams_with_crlf(http: httpx.Client) -> None:
    body = {"model": "claude-2.1", "prompt": "\n\nHuman: hello\n\nAssistant:", "max_tokens_to_sample": 100}

    plain = http.post("/v1/complete", json=body).json()
    streamed = http.post("/v1/complete", json={**body, "stream": True}).content

    blocks = streamed.split(b"\r\n\r\n")
    assert blocks[1] == b"event: ping\r\ndata: {}"
    events = [json.loads(block.split(b"data: ")[1]) for block in blocks if b"completion" in block]
    assert "".join(event["completion"] for event in events).startswith(" ")
    assert events[-1]["stop_reason"] == plain["stop_reason"] == "stop_sequence"


def test_a_completion_needs_a_prompt(http: httpx.Client) -> None:
    assert http.post("/v1/complete", json={}).status_code == 400
