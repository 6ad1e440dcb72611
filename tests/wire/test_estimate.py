import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.estimate import Estimate, estimate, usd_of
from proxy.wire.hints import max_tokens_of
from proxy.wire.usage import Usage

NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def body(**fields: object) -> bytes:
    return json.dumps({"model": "claude-sonnet-4-5", "max_tokens": 1000, **fields}).encode()


@pytest.mark.parametrize(
    ("sent", "found"),
    [
        (b'{"max_tokens": 32000, "messages": []}', 32_000),
        (b'{"messages": [{"content": "x", "max_tokens": 5}], "max_tokens":7}', 7),
        (b'{"max_tokens": 12345678901}', 0),
        (b'{"max_tokens": "9"}', 0),
        (b"no json", 0),
        (b"", 0),
    ],
)
def test_the_most_tokens_that_an_answer_may_have(sent: bytes, found: int) -> None:
    assert max_tokens_of(sent) == found


def test_a_message_is_its_size_written_to_the_cache_and_all_the_tokens_it_may_get() -> None:
    sent = body(padding="x" * 4000)
    tokens = -(-len(sent) // 4)

    guess = estimate("POST", "/v1/messages?beta=true", sent, NOON)

    assert guess == Estimate(True, tokens + 1000, (tokens * Decimal("3.75") + 1000 * 15) / 1_000_000)


def test_a_batch_reserves_its_input_at_half_the_price_and_no_tokens_of_a_minute() -> None:
    sent = body()

    guess = estimate("POST", "/v1/messages/batches", sent, NOON)

    assert (guess.billed, guess.tokens) == (True, 0)
    assert 0 < guess.usd < Decimal("0.001")


@pytest.mark.parametrize(
    ("method", "target"),
    [
        ("GET", "/v1/models"),
        ("GET", "/v1/messages/batches/msgbatch_1/results"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/files"),
        ("DELETE", "/v1/files/file_1"),
    ],
)
def test_what_costs_nothing(method: str, target: str) -> None:
    assert estimate(method, target, body(), NOON) == Estimate()


@pytest.mark.parametrize(
    "target", ["/v1/%6dessages", "/v1/messages/", "/v1/complete", "/v1/filesystem", "/v1/x"]
)
def test_whatever_else_is_posted_may_cost_something(target: str) -> None:
    assert estimate("POST", target, body(), NOON).billed


def test_a_model_without_a_price_counts_as_the_dearest() -> None:
    usage = Usage(output_tokens=1_000_000)

    assert usd_of(usage, "a-new-model", NOON) == usd_of(usage, "claude-3-opus", NOON) == 75


@given(st.binary(max_size=200))
def test_no_body_breaks_it(sent: bytes) -> None:
    assert estimate("POST", "/v1/messages", sent, NOON).billed
