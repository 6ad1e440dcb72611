"""Golden invoices: each pricing rule to the last digit."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from proxy.wire.messages import read_answer
from proxy.wire.pricing import DEFAULT_PRICES, PriceBook, cost
from proxy.wire.usage import Usage, merge
from tests.wire.streams import stream

BOOK = PriceBook(DEFAULT_PRICES)
MAY = datetime(2026, 5, 1, 12, tzinfo=UTC)
MILLION_OF_EACH = merge(
    {
        "input_tokens": 1_000_000,
        "output_tokens": 1_000_000,
        "cache_read_input_tokens": 1_000_000,
        "cache_creation_input_tokens": 2_000_000,
        "cache_creation": {"ephemeral_5m_input_tokens": 1_000_000, "ephemeral_1h_input_tokens": 1_000_000},
    }
)


def amount(usage: Usage, model: str, *, batch: bool = False) -> Decimal | None:
    return cost(usage, model, MAY, BOOK, batch=batch).amount


def streamed(name: str) -> tuple[Usage, str]:
    answer = read_answer(200, "text/event-stream", stream(name))
    assert answer.usage is not None
    assert answer.model is not None
    return answer.usage, answer.model


@pytest.mark.parametrize(
    ("models", "prices"),
    [
        ("claude-fable-5 claude-mythos-5", "10 50 1 12.50 20"),
        (
            "claude-opus-5 claude-opus-4-8 claude-opus-4-7 claude-opus-4-6 claude-opus-4-5",
            "5 25 0.50 6.25 10",
        ),
        ("claude-opus-4-1 claude-opus-4-0 claude-opus-4 claude-3-opus", "15 75 1.50 18.75 30"),
        ("claude-sonnet-4-6 claude-sonnet-4-5 claude-sonnet-4-0 claude-sonnet-4", "3 15 0.30 3.75 6"),
        ("claude-3-7-sonnet claude-3-5-sonnet claude-3-sonnet", "3 15 0.30 3.75 6"),
        ("claude-haiku-4-5", "1 5 0.10 1.25 2"),
        ("claude-3-5-haiku", "0.80 4 0.08 1 1.60"),
        ("claude-3-haiku", "0.25 1.25 0.03 0.30 0.50"),
    ],
)
def test_a_million_tokens_of_each_kind_cost_the_published_prices(models: str, prices: str) -> None:
    bills = [cost(MILLION_OF_EACH, model, MAY, BOOK) for model in models.split()]

    for bill in bills:
        assert [line.unit_price for line in bill.lines] == [Decimal(price) for price in prices.split()]
        assert bill.amount == sum(Decimal(price) for price in prices.split())


@pytest.mark.parametrize(
    ("name", "price_id"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5@2023-01-01"),
        ("claude-sonnet-4-20250514[1m]", "claude-sonnet-4@2023-01-01"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku@2023-01-01"),
        ("claude-opus-4-20250514", "claude-opus-4@2023-01-01"),
        ("claude-opus-4-5", "claude-opus-4-5@2023-01-01"),
    ],
)
def test_a_dated_name_has_the_price_of_its_version(name: str, price_id: str) -> None:
    assert cost(Usage(), name, MAY, BOOK).price_id == price_id


@pytest.mark.parametrize(
    "name",
    [
        "claude-opus-4-9",
        "claude-opus",
        "claude-sonnet-4-5-beta",
        "claude-opus-4-1-2025",
        "",
        "gpt-5",
        "CLAUDE-",
    ],
)
def test_a_model_without_a_price_is_unpriced_and_never_guessed(name: str) -> None:
    bill = cost(MILLION_OF_EACH, name, MAY, BOOK)

    assert (bill.amount, bill.state, bill.price_id, bill.lines) == (None, "unpriced", None, ())


def test_a_price_for_one_snapshot_goes_before_the_price_of_the_version() -> None:
    version = replace(DEFAULT_PRICES[0], model="m")
    snapshot = replace(DEFAULT_PRICES[0], model="m-20260101")

    found = PriceBook([version, snapshot]).find("m-20260101[1m]", MAY)

    assert found == snapshot


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        (datetime(2026, 8, 31, 23, 59, 59, 999999, tzinfo=UTC), "2.00"),
        (datetime(2026, 9, 1, tzinfo=UTC), "3.00"),
    ],
)
def test_a_price_holds_from_its_date_on(moment: datetime, expected: str) -> None:
    usage = Usage(input_tokens=1_000_000)

    assert cost(usage, "claude-sonnet-5", moment, BOOK).amount == Decimal(expected)


def test_before_its_first_price_a_model_is_unpriced() -> None:
    assert BOOK.find("claude-opus-5", datetime(2022, 1, 1, tzinfo=UTC)) is None


def test_a_cached_opus_answer_is_priced_line_by_line() -> None:
    usage, model = streamed("thinking")

    bill = cost(usage, model, MAY, BOOK)

    assert [(line.label, line.tokens, line.amount) for line in bill.lines] == [
        ("input", 60, Decimal("0.000900")),
        ("output", 120, Decimal("0.009000")),
        ("cache read", 2048, Decimal("0.003072")),
        ("cache write 5 min", 112, Decimal("0.002100")),
        ("cache write 1 h", 400, Decimal("0.012000")),
    ]
    assert bill.amount == Decimal("0.027072")


def test_cache_writes_that_the_split_leaves_out_cost_as_5_minutes() -> None:
    usage, model = streamed("web_search")

    lines = {line.label: line for line in cost(usage, model, MAY, BOOK).lines}

    assert lines["cache write 5 min"].tokens == 17_269
    assert "cache write 1 h" not in lines


def test_web_searches_are_billed_apart() -> None:
    usage, model = streamed("web_search")

    bill = cost(usage, model, MAY, BOOK)

    # 404,500 x 3 + 510 x 15 + 17,269 x 3.75 per million, and 3 searches at 10 per thousand.
    assert bill.amount == Decimal("1.21350") + Decimal("0.00765") + Decimal("0.06475875") + Decimal("0.03")
    assert (bill.lines[-1].label, bill.lines[-1].tokens, bill.lines[-1].amount) == (
        "web search",
        3,
        Decimal("0.03"),
    )


def test_iterations_are_the_bill_and_the_top_level_is_not_added() -> None:
    usage, model = streamed("compaction")

    bill = cost(usage, model, MAY, BOOK)

    # Sonnet 4.6: 100 x 3 + 83 x 15 + 55,096 x 0.30; Haiku 4.5: 181 x 1 + 8 x 5.
    assert bill.amount == Decimal("0.0180738") + Decimal("0.000221")
    assert {line.model for line in bill.lines} == {"claude-sonnet-4-6", "claude-haiku-4-5"}


def test_an_iteration_by_an_unpriced_model_makes_the_bill_unpriced() -> None:
    usage = merge({"iterations": [{"model": "claude-secret-9", "input_tokens": 1}]})

    assert cost(usage, "claude-opus-5", MAY, BOOK).state == "unpriced"


def test_a_batch_costs_half_for_tokens_and_full_for_searches() -> None:
    usage = merge({"input_tokens": 1_000_001, "server_tool_use": {"web_search_requests": 2}})

    assert amount(usage, "claude-haiku-4-5", batch=True) == Decimal("0.5000005") + Decimal("0.02")


def test_a_split_larger_than_the_total_does_not_cost_more_than_the_total() -> None:
    usage = Usage(cache_write_tokens=10, cache_write_1h_tokens=4_000_000)

    assert amount(usage, "claude-haiku-4-5") == Decimal("0.000020")


def test_an_answer_that_used_nothing_costs_nothing() -> None:
    assert amount(Usage(), "claude-opus-5") == Decimal(0)


def test_the_largest_counts_are_exact() -> None:
    assert amount(Usage(output_tokens=2**31 - 1), "claude-opus-4-1") == Decimal("161061.273525")


def test_every_default_price_has_an_id_of_its_own() -> None:
    assert len({price.id for price in DEFAULT_PRICES}) == len(DEFAULT_PRICES)
