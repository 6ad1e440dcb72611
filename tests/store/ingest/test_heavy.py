"""No body, however it is made, keeps the worker from the next record for long."""

import gc
import time
from collections.abc import Iterator

import pytest
from pytest_django import Settings

from proxy.store import cpu_bound
from proxy.store.bodies.blobs import body_of
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import facts
from proxy.store.models import Exchange
from proxy.wire import chunking
from tests.store.heavy import names, record_of
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]

# CPU time of the worker, whatever else the machine does.
SECONDS = 2.0


@pytest.fixture(autouse=True)
def _no_callbacks_of_the_garbage_collector() -> Iterator[None]:
    """Those of the tests' own tools: what ends a slow parser is printed, and fails the test, where it meets them."""
    callbacks = gc.callbacks[:]
    gc.callbacks.clear()
    yield
    gc.callbacks[:] = callbacks


@pytest.mark.parametrize("name", names())
def test_a_heavy_record_is_stored_exactly_within_two_seconds(name: str, settings: Settings) -> None:
    settings.SLACK_WEBHOOK_URL = settings.TELEMETRY_ENDPOINT = "http://127.0.0.1:9/nobody"
    record = record_of(name)
    began = time.process_time()

    ingest.ingest(make_batch(record))

    assert time.process_time() - began < SECONDS
    row = Exchange.objects.get()
    assert row.cost_state in {"exact", "partial", "unpriced", "none"}
    assert body_of(row.pk, "request") == record.request_body
    assert body_of(row.pk, "response") == record.response_body


def spin(*_: object) -> None:
    while True:
        pass


def test_whatever_takes_too_long_is_stored_without_being_read_and_its_row_says_so(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    slow, plain = make_record(), make_record(serial=2)
    read = facts.read
    monkeypatch.setattr(
        facts, "read", lambda record, *rest: spin() if record is slow else read(record, *rest)
    )
    began = time.process_time()

    assert ingest.ingest(make_batch(slow, plain)) == 2

    assert time.process_time() - began < cpu_bound.SECONDS + 1
    row = Exchange.objects.get(pk=slow.head.id)
    assert (row.cost_state, row.cost_reason, row.model) == ("partial", ingest.TOO_SLOW, "claude-sonnet-4-5")
    assert row.estimated_usd
    assert body_of(row.pk, "response") == slow.response_body
    assert Exchange.objects.get(pk=plain.head.id).cost_state == "exact"
    assert "ingest.too_slow" in caplog.messages


def test_a_request_that_takes_too_long_to_cut_is_stored_whole(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(chunking, "_joined", spin)
    record = make_record(ask("x" * 5000))

    ingest.ingest(make_batch(record))

    assert body_of(Exchange.objects.get().pk, "request") == record.request_body
    assert "ingest.uncut" in caplog.messages


def test_what_is_not_read_and_costs_nothing_says_nothing_of_a_cost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "read", spin)
    record = make_record(b"", b"{}", head=make_head(method="GET", target="/v1/models"))

    ingest.ingest(make_batch(record))

    row = Exchange.objects.get()
    assert (row.request_type, row.cost_state, row.cost_reason) == ("models", "none", "")


def test_an_answer_whose_usage_is_far_too_long_is_not_called_exact() -> None:
    usage = {"input_tokens": 3, "output_tokens": 4} | {f"key{number}": 1 for number in range(20_000)}
    ingest.ingest(make_batch(make_record(None, say(usage=usage))))

    row = Exchange.objects.get()
    assert row.cost_state == "partial"
    assert row.usage == {"unreadable usage": True}
