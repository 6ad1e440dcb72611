import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.wire.billing.estimate import Estimate, estimate, limit_usd, unreported_output
from proxy.wire.billing.price_book import PriceBook
from proxy.wire.billing.pricing import cost
from proxy.wire.billing.refusals import NO_CATEGORY, Attempts
from proxy.wire.billing.usage import merge
from proxy.wire.hints import max_tokens_of
from tests.prices import BOOK, SHIPPED

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

    guess = estimate("POST", "/v1/messages?beta=true", sent, NOON, BOOK)

    usd = (tokens * Decimal("3.75") + 1000 * 15) / 1_000_000
    assert guess == Estimate(True, tokens + 1000, usd, 1000)


def test_a_batch_reserves_its_input_at_half_the_price_and_no_tokens_of_a_minute() -> None:
    sent = body()

    guess = estimate("POST", "/v1/messages/batches", sent, NOON, BOOK)

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
    assert estimate(method, target, body(), NOON, BOOK) == Estimate()


@pytest.mark.parametrize(
    "target", ["/v1/%6dessages", "/v1/messages/", "/v1/complete", "/v1/filesystem", "/v1/x"]
)
def test_whatever_else_is_posted_may_cost_something(target: str) -> None:
    assert estimate("POST", target, body(), NOON, BOOK).billed


def usd(model: str, reported: dict[str, object], **more: object) -> Decimal:
    return limit_usd(merge(reported), model, NOON, BOOK, **more)  # type: ignore[arg-type]  # by name


def test_what_a_request_asks_is_reserved_for() -> None:
    plain, fast, in_us = (
        estimate("POST", "/v1/messages", body(model="claude-opus-5-5", **more), NOON, BOOK)
        for more in ({}, {"speed": "fast"}, {"inference_geo": "us"})
    )

    assert fast.usd > Decimal("1.9") * plain.usd
    assert in_us.usd > Decimal("1.05") * plain.usd


def test_a_long_prompt_is_reserved_for_by_its_band() -> None:
    short, long = (
        estimate("POST", "/v1/messages", body(model="claude-haiku-5-5", padding="x" * size), NOON, BOOK)
        for size in (390_000, 410_000)
    )

    assert long.usd > 4 * short.usd


MILLION: dict[str, object] = {"input_tokens": 1_000_000}


@pytest.mark.parametrize(
    ("model", "dearest"),
    [
        ("claude-opus-9", "15"),
        ("claude-sonnet-9", "3"),
        ("claude-haiku-9", "1"),
        ("claude-mythos-9", "10"),
        ("a-new-model", "15"),
        ("", "15"),
    ],
)
def test_a_model_without_a_price_counts_as_the_dearest_of_its_family(model: str, dearest: str) -> None:
    assert usd(model, MILLION) == Decimal(dearest)


def test_a_table_without_prices_limits_nothing() -> None:
    assert limit_usd(merge(MILLION), "x", NOON, PriceBook(())) == 0


def test_a_withdrawn_price_is_not_the_dearest() -> None:
    gone = replace(SHIPPED[0], model="claude-opus-1", withdrawn=True)

    assert limit_usd(merge(MILLION), "claude-opus-9", NOON, PriceBook([gone, *SHIPPED])) == 15


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("claude-haiku-5-5", "0.55"),  # the upper band, in the US
        ("claude-opus-5-5", "8.8"),  # fast, in the US
        ("claude-haiku-4-5", "1"),
    ],
)
def test_a_field_that_is_not_understood_counts_as_the_dearest_way_to_be_served(model: str, most: str) -> None:
    assert usd(model, {**MILLION, "surcharge": 1}) == Decimal(most)


@pytest.mark.parametrize(
    "reported",
    [
        {"speed": "fast"},
        {"inference_geo": "us"},
        {"service_tier": "batch"},
        {"service_tier": "priority"},
        {"fallback_credit": {"status": "redeemed"}},
        {"server_tool_use": {"web_search_requests": 2}},
    ],
)
def test_what_is_understood_counts_as_what_it_costs(reported: dict[str, object]) -> None:
    usage = merge(MILLION | reported)

    assert (
        limit_usd(usage, "claude-opus-5-5", NOON, BOOK) == cost(usage, "claude-opus-5-5", NOON, BOOK).amount
    )


def test_a_free_refusal_counts_nothing() -> None:
    assert usd("claude-opus-5-5", MILLION, attempts=Attempts(NO_CATEGORY)) == 0


def test_a_web_search_of_an_unknown_model_counts() -> None:
    assert usd("x", {"server_tool_use": {"web_search_requests": 3}}) == Decimal("0.03")


@pytest.mark.parametrize(
    ("reported", "reserved", "seconds", "missing"),
    [
        (1, 128_000, 4.0, 999),
        (1, 500, 4.0, 499),
        (2000, 128_000, 4.0, 0),
        (0, None, 4.0, 1000),
        (0, 128_000, 0, 0),
    ],
)
def test_of_a_cut_answer_what_it_may_have_written_counts(
    reported: int, reserved: int | None, seconds: float, missing: int
) -> None:
    assert unreported_output(reported, reserved, seconds) == missing


def test_output_that_was_not_told_counts_at_the_answers_own_price_and_band() -> None:
    assert usd("claude-opus-5-5", MILLION, missing_output=1_000_000) == 4 + 20
    assert usd("claude-haiku-5-5", MILLION, missing_output=1_000_000) == Decimal("3.0")
    assert usd("claude-opus-9", {}, missing_output=1_000_000) == 75


@given(st.binary(max_size=200))
def test_no_body_breaks_it(sent: bytes) -> None:
    assert estimate("POST", "/v1/messages", sent, NOON, BOOK).billed
