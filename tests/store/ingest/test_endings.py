"""An answer without an end is failed, whatever HTTP said of it: in its row, in the sums, and for all who are notified of it."""

import gzip

import pytest

from proxy.record import Closing, HeaderPairs, Record
from proxy.store import announce
from proxy.store.announce import Stored
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import facts
from proxy.store.listeners import live
from proxy.store.models import Exchange, Rollup
from proxy.store.notifications import slack_text
from proxy.wire.billing.pricing import PriceBook
from tests.store.records import (
    JSON,
    SSE,
    ask,
    make_batch,
    make_closing,
    make_head,
    make_record,
    say,
    start,
    stream,
    uuid7,
)

HTML: HeaderPairs = [("content-type", "text/html")]
STOP: dict[str, object] = {"type": "message_stop"}
PING: dict[str, object] = {"type": "ping"}


def read(record: Record) -> Exchange:
    return facts.read(record, uuid7(), PriceBook([])).exchange


def answered(headers: HeaderPairs, body: bytes, **closing: object) -> Record:
    return make_record(ask(), body, closing=make_closing(headers=headers, **closing))


@pytest.mark.parametrize(
    ("headers", "body", "error_type"),
    [
        (SSE, b"", "empty"),
        (SSE, stream(PING, PING), "no_end"),
        (SSE, stream(start(input_tokens=3)), "no_end"),
        (JSON, say()[:-20], "no_end"),
        (JSON, b"", "empty"),
        (HTML, b"<html><body>Sign in to this network</body></html>", "not_json"),
        ([*JSON, ("content-encoding", "gzip")], gzip.compress(say()[:-20]), "no_end"),
    ],
    ids=["empty-stream", "pings", "no-stop", "cut-json", "empty-json", "page", "coded"],
)
def test_a_success_without_an_end_is_upstream_cut_and_its_cost_partial(
    headers: HeaderPairs, body: bytes, error_type: str
) -> None:
    row = read(answered(headers, body))

    assert (row.outcome, row.error_type, row.status, row.failed) == ("upstream_cut", error_type, 200, True)
    assert row.error_message.endswith((".", ")."))
    assert (row.finished, row.cost_state in ("partial", "unpriced")) == (False, True)


@pytest.mark.parametrize("status", [201, 204, 206])
def test_any_2xx_needs_an_end(status: int) -> None:
    assert read(answered([], b"", status=status)).error_type == "empty"


def test_the_words_of_an_error_without_a_type_are_masked() -> None:
    row = read(answered(JSON, b'{"error":{"message":"key sk-ant-api03-secret is gone"}}'))

    assert (row.outcome, "secret" in row.error_message) == ("upstream_cut", False)


@pytest.mark.parametrize(
    "record",
    [
        answered(SSE, stream(start(input_tokens=3), STOP)),
        answered(JSON, say()),
        answered(JSON, b"", response_dropped=True, response_size=100),
        answered(JSON, b"", response_not_kept=True, response_size=100),
        answered([*JSON, ("content-encoding", "rot13")], b"{coded", status=200),
        answered(JSON, b"", status=304),
        make_record(b"", b"<html>", head=make_head(target="/v1/messages/count_tokens")),
        make_record(b"", b"", head=make_head(method="GET", target="/v1/files/a/content")),
    ],
    ids=["stream", "json", "dropped", "not-kept", "unknown-coding", "304", "count-tokens", "file"],
)
def test_what_is_whole_or_cannot_be_told_stays_complete(record: Record) -> None:
    assert read(record).outcome == "complete"


@pytest.mark.parametrize(
    ("closing", "outcome"),
    [
        (make_closing(headers=SSE, outcome="client_left"), "client_left"),
        (make_closing(headers=SSE, outcome="aborted"), "aborted"),
        (
            make_closing(headers=SSE, outcome="upstream_error", error_type="overloaded_error"),
            "upstream_error",
        ),
        (make_closing(headers=SSE, outcome="upstream_cut", error_type="upstream_cut"), "upstream_cut"),
    ],
)
def test_an_outcome_that_the_relay_saw_stays(closing: Closing, outcome: str) -> None:
    row = read(make_record(ask(), stream(PING), closing=closing))

    assert (row.outcome, row.error_type) == (outcome, closing.error_type)


def test_an_error_event_is_an_error_and_no_missing_end() -> None:
    failure: dict[str, object] = {"type": "error", "error": {"type": "api_error", "message": "no"}}

    assert read(answered(SSE, stream(start(), failure))).outcome == "upstream_error"


@pytest.mark.django_db
def test_sums_and_all_who_are_told_see_the_decided_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    reported: list[Stored] = []
    monkeypatch.setattr(announce, "_LISTENERS", ("tests.store.ingest.test_endings.hear",))
    monkeypatch.setattr("tests.store.ingest.test_endings.hear", reported.extend)

    ingest.ingest(make_batch(answered(SSE, stream(PING))))

    [only] = reported
    assert (only.outcome, only.error_type) == ("upstream_cut", "no_end")
    assert live.event(only)["outcome"] == "upstream_cut"
    assert "without its last event" in str(slack_text.error(only))
    assert (Exchange.objects.get().outcome, Rollup.objects.get().errors) == ("upstream_cut", 1)


def hear(stored: list[Stored]) -> None:
    raise NotImplementedError
