import gzip
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from accounts.secrets import masking
from proxy.record import Closing, Record
from proxy.store.ingest import facts
from proxy.store.models import Exchange
from proxy.wire.billing.pricing import PriceBook
from tests.prices import SHIPPED
from tests.store.records import (
    JSON,
    NOON,
    SSE,
    ask,
    make_closing,
    make_head,
    make_record,
    say,
    start,
    stream,
    uuid7,
)

BOOK = PriceBook(replace(price, id=str(number)) for number, price in enumerate(SHIPPED))


def read(record: Record) -> Exchange:
    return facts.read(record, uuid7(), BOOK).exchange


def error(kind: str, message: str = "no") -> bytes:
    return say(type="error", error={"type": kind, "message": message}, usage=None)


def streamed(*events: dict[str, object], **changes: object) -> Exchange:
    return read(make_record(ask(stream=True), stream(*events), closing=make_closing(headers=SSE, **changes)))


DELTA: dict[str, object] = {
    "type": "message_delta",
    "delta": {"stop_reason": "end_turn"},
    "usage": {"output_tokens": 7},
}
STOP: dict[str, object] = {"type": "message_stop"}


def test_a_stream_is_read_to_its_end() -> None:
    row = streamed(start(input_tokens=3, output_tokens=1), DELTA, STOP)

    assert (row.streamed, row.message_id, row.stop_reason) == (True, "msg_2", "end_turn")
    assert (row.input_tokens, row.output_tokens, row.cost_state) == (3, 7, "exact")


def test_the_organisation_that_the_session_left_is_kept() -> None:
    left = make_closing(left_organisation="org-a")

    rows = read(make_record(closing=left)), read(make_record())
    assert [row.left_organisation for row in rows] == ["org-a", ""]


def test_a_stream_that_the_client_left_is_partial() -> None:
    row = streamed(start(input_tokens=3, output_tokens=1), outcome="client_left")

    assert (row.outcome, row.input_tokens, row.cost_state) == ("client_left", 3, "partial")
    assert row.cost_usd == Decimal("0.000024")


def test_a_client_that_left_after_the_last_event_has_an_exact_cost() -> None:
    assert streamed(start(input_tokens=3), DELTA, STOP, outcome="client_left").cost_state == "exact"


def test_an_error_in_the_middle_of_a_stream_makes_it_an_upstream_error() -> None:
    failure: dict[str, object] = {
        "type": "error",
        "error": {"type": "overloaded_error", "message": "Overloaded"},
    }

    row = streamed(start(input_tokens=3, output_tokens=1), failure)

    assert (row.outcome, row.status) == ("upstream_error", 200)
    assert (row.error_type, row.error_message, row.cost_state) == (
        "overloaded_error",
        "Overloaded",
        "partial",
    )


def test_a_client_that_left_before_an_error_event_stays_a_client_that_left() -> None:
    assert streamed({"type": "error", "error": {}}, outcome="client_left").outcome == "client_left"


def test_an_error_answer_costs_nothing() -> None:
    row = read(make_record(response=error("rate_limit_error"), closing=make_closing(status=429)))

    assert (row.error_type, row.error_message) == ("rate_limit_error", "no")
    assert (row.cost_state, row.cost_usd, row.input_tokens) == ("none", None, None)


def test_the_words_of_an_error_whose_type_the_relay_knew_are_kept() -> None:
    closing = make_closing(outcome="upstream_error", status=529, error_type="overloaded_error")

    row = read(make_record(response=error("overloaded_error", "Overloaded"), closing=closing))

    assert (row.error_type, row.error_message) == ("overloaded_error", "Overloaded")


def test_what_the_relay_says_about_an_error_wins() -> None:
    closing = make_closing(
        outcome="refused", status=401, error_type="authentication_error", error_message="key?"
    )

    row = read(make_record(response=error("api_error", "other"), closing=closing))

    assert (row.error_type, row.error_message) == ("authentication_error", "key?")


def test_messages_of_errors_are_masked_before_they_are_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "mask_text", lambda text: text.replace("SECRET", "***"))
    response = error("api_error", "x" * 497 + "SECRET" + "y" * 900)

    row = read(make_record(response=response, closing=make_closing(status=500)))

    assert row.error_message == "x" * 497 + "***"
    assert masking.mask_text("plain") == "plain"


@pytest.mark.parametrize(
    ("closing", "state"),
    [
        (make_closing(outcome="client_left", status=0), "partial"),
        (make_closing(outcome="upstream_cut", status=200), "partial"),
        (make_closing(outcome="complete", status=200), "partial"),
        (make_closing(outcome="upstream_error", status=0), "none"),
        (make_closing(outcome="refused", status=0), "none"),
        (make_closing(outcome="upstream_error", status=529), "none"),
    ],
)
def test_an_answer_without_usage_is_partial_where_upstream_may_have_worked(
    closing: Closing, state: str
) -> None:
    row = read(make_record(response=b"", closing=closing))

    assert (row.cost_state, row.cost_usd, row.output_tokens) == (state, None, None)


@pytest.mark.parametrize(
    ("changes", "outcome", "target", "request_type"),
    [
        ({"body_size": 70}, "refused", "/v1/messages?beta=true", "unknown"),
        ({}, "refused", "/v1/messages", "unknown"),
        ({"body_size": 70, "body_dropped": True}, "complete", "/v1/messages", "unknown"),
        ({}, "complete", "/v1/messages", "query_evaluation"),
        ({"body_size": 70}, "refused", "/v1/messages/count_tokens", "count_tokens"),
        ({"body_size": 70}, "refused", "/v1/something", "other"),
    ],
)
def test_a_request_whose_body_was_not_read_is_not_classified_by_it(
    changes: dict[str, object], outcome: str, target: str, request_type: str
) -> None:
    head = make_head(target=target, **changes)

    row = read(make_record(b"", head=head, closing=make_closing(outcome=outcome)))

    assert row.request_type == request_type


def test_other_endpoints_cost_nothing() -> None:
    row = read(
        make_record(b"", b'{"data": []}', head=make_head(method="GET", target="/v1/models?limit=1000"))
    )

    assert (row.path, row.query, row.request_type, row.cost_state) == (
        "/v1/models",
        "limit=1000",
        "models",
        "none",
    )


def test_a_model_without_a_price_is_unpriced() -> None:
    row = read(make_record(ask(model="claude-next-1"), say(model="claude-next-1")))

    assert (row.model, row.cost_state, row.cost_usd, row.price_id) == (
        "claude-next-1",
        "unpriced",
        None,
        None,
    )


def test_the_model_that_answered_is_priced_and_the_one_that_was_asked_is_named() -> None:
    row = read(make_record(ask(model="fast"), say(model="claude-haiku-4-5-20251001")))

    assert (row.model, row.cost_usd) == ("fast", Decimal("0.000035"))
    assert BOOK.by_id[str(row.price_id)].model == "claude-haiku-4-5"


def test_a_model_that_only_the_answer_names_is_taken_from_there() -> None:
    assert read(make_record(b"", say())).model == "claude-sonnet-4-5"


def test_batches_cost_half() -> None:
    usage = {"input_tokens": 1000, "output_tokens": 0, "service_tier": "batch"}

    assert read(make_record(response=say(usage=usage))).cost_usd == Decimal("0.0015")


def test_sessions_and_agents_come_from_headers() -> None:
    headers = [
        ("X-Claude-Code-Session-Id", "session"),
        ("x-claude-code-agent-id", "agent"),
        ("x-claude-code-parent-agent-id", "parent"),
    ]
    body = ask(metadata={"user_id": "user_abc_account_def_session_other"})

    row = read(make_record(body, head=make_head(headers=headers)))

    assert (row.session_id, row.agent_id, row.parent_agent_id) == ("session", "agent", "parent")
    assert row.user_id == "abc"


def test_without_headers_the_session_comes_from_the_user_id() -> None:
    body = ask(metadata={"user_id": '{"device_id": "d", "account_uuid": "a", "session_id": "s"}'})

    row = read(make_record(body))

    assert (row.session_id, row.user_id) == ("s", "d")


def test_tool_calls_are_counted_and_named() -> None:
    content = [{"type": "tool_use", "id": str(n), "name": "Bash", "input": {}} for n in range(3)]

    row = read(make_record(response=say(content=content)))

    assert (row.tool_calls, row.tool_names) == (3, ["Bash"] * 3)


def test_a_coded_answer_is_read_through_its_coding() -> None:
    closing = make_closing(headers=[*JSON, ("Content-Encoding", "gzip")])

    row = read(make_record(response=gzip.compress(say()), closing=closing))

    assert (row.output_tokens, row.cost_state) == (5, "exact")


def test_sizes_of_dropped_bodies_are_those_of_the_wire() -> None:
    row = read(
        make_record(
            b"", b"",
            head=make_head(body_dropped=True, body_size=70_000),
            closing=make_closing(response_dropped=True, response_size=9),
        )
    )  # fmt: skip

    assert (row.request_bytes, row.response_bytes, row.cost_state) == (70_000, 9, "partial")


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), 1e18, -1e18])
def test_a_clock_that_is_out_of_its_mind_gives_way_to_the_id(seconds: float) -> None:
    head = make_head(datetime(2026, 5, 5, tzinfo=UTC), started_at=seconds)

    row = read(make_record(head=head, closing=make_closing(duration_ms=seconds, first_byte_ms=None)))

    assert (row.started_at, row.first_byte_ms) == (datetime(2026, 5, 5, tzinfo=UTC), None)


@pytest.mark.parametrize(("hours", "believed"), [(24, True), (-24, True), (25, False), (-25, False)])
def test_a_clock_more_than_a_day_from_the_id_gives_way_to_it(hours: int, believed: bool) -> None:
    reported = NOON + timedelta(hours=hours)

    row = read(make_record(head=make_head(NOON, started_at=reported.timestamp())))

    assert row.started_at == (reported if believed else NOON)


def test_what_pricing_needs_is_kept_where_no_other_column_tells_it() -> None:
    alias = read(make_record(ask(model="fast"), say(model="claude-haiku-4-5-20251001")))
    plain = read(make_record())
    cut = streamed(start(input_tokens=3), outcome="client_left")

    assert [item.answered_model for item in (alias, plain, cut)] == ["claude-haiku-4-5-20251001", "", ""]
    assert [item.finished for item in (alias, plain, cut)] == [True, True, False]


def test_unread_keeps_what_the_proxy_knows() -> None:
    record = make_record(
        closing=make_closing(outcome="aborted", error_type="api_error", error_message="stopped")
    )

    found = facts.unread(record, uuid7(), PriceBook([]), "why")

    row = found.exchange
    assert (row.id, row.outcome, row.request_type) == (
        UUID(record.head.id),
        "aborted",
        "query_evaluation",
    )
    assert (row.started_at, row.error_message, found.message) == (NOON, "stopped", None)
    assert (row.cost_state, row.cost_reason) == ("partial", "why")
