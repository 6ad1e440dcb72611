"""Each rule of the bill to the last digit, and each price with each factor."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from proxy.wire.billing.price_book import Band, Price, PriceBook, Rates
from proxy.wire.billing.pricing import Bill, cost
from proxy.wire.billing.refusals import NO_CATEGORY, Attempts
from proxy.wire.billing.usage import Usage, merge
from proxy.wire.messages import read_response
from tests.prices import BOOK, SHIPPED
from tests.wire.streams import stream

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
COUNTS = (1_000_003, 500_009, 2_000_017, 300_007, 40_009)


def reported(
    fresh: int = 0, out: int = 0, read: int = 0, five_minutes: int = 0, hour: int = 0, **more: object
) -> Usage:
    return merge(
        {
            "input_tokens": fresh,
            "output_tokens": out,
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": five_minutes + hour,
            "cache_creation": {
                "ephemeral_5m_input_tokens": five_minutes,
                "ephemeral_1h_input_tokens": hour,
            },
            **more,
        }
    )


def bill(model: str, usage: Usage, at: datetime = NOW, **more: object) -> Bill:
    return cost(usage, model, at, BOOK, **more)  # type: ignore[arg-type]  # by name


CASES = [
    ("claude-sonnet-5", reported(100_000, 10_000), "0.30"),
    ("claude-opus-5", reported(100_000, 10_000, speed="fast"), "1.50"),
    ("claude-sonnet-4-6", reported(100_000, 10_000, inference_geo="us"), "0.495"),
    ("claude-opus-5-5", reported(1000, 1000, 10_000, 1000, 500), "0.035"),
    ("claude-haiku-5-5", reported(100_000, 1000), "0.0105"),
    ("claude-haiku-5-5", reported(100_001, 1000), "0.0525005"),
    ("claude-haiku-5-5", reported(1, 0, 50_000, 25_000, 25_000), "0.0431255"),
    ("claude-fable-5-2", reported(10_000, 10_000, 100_000, speed="fast"), "1.00"),
    # A token in a batch in the US: eleven digits.
    ("claude-haiku-5-5", reported(five_minutes=1, inference_geo="us", service_tier="batch"), "0.00000006875"),
    (
        "claude-opus-5-5",
        reported(1, 1, server_tool_use={"web_search_requests": 3}, inference_geo="us"),
        "0.0300264",
    ),
    ("claude-opus-5", reported(10, server_tool_use={"web_fetch_requests": 7}), "0.00005"),
]


@pytest.mark.parametrize(("model", "usage", "usd"), CASES)
def test_an_answer_costs_what_the_api_bills(model: str, usage: Usage, usd: str) -> None:
    found = bill(model, usage)

    assert (found.amount, found.state, found.reasons) == (Decimal(usd), "exact", [])


def by_hand(price: Price, usage: Usage, *, fast: bool, in_us: bool, batch: bool) -> Decimal:
    """The same sum, in whole steps."""
    prompt = usage.input_tokens + usage.cache_read_tokens + usage.cache_write_tokens
    band = price.band if price.band and not fast and prompt > price.band.over_tokens else None
    counts = (
        usage.input_tokens,
        usage.output_tokens,
        usage.cache_read_tokens,
        usage.cache_write_tokens - usage.billed_1h_tokens,
        usage.billed_1h_tokens,
    )
    factor = Decimal(1)
    for used, value in ((fast, price.fast_factor), (in_us, price.us_factor), (batch, price.batch_factor)):
        factor *= value if used and value is not None else 1
    rates = band.rates if band else price.rates
    return (
        sum((count * (rate or 0) for count, rate in zip(counts, rates, strict=True)), Decimal(0))
        * factor
        / 10**6
    )


@pytest.mark.parametrize("price", SHIPPED, ids=lambda price: price.id)
@pytest.mark.parametrize("fast", [False, True])
@pytest.mark.parametrize("in_us", [False, True])
@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("size", [1, 50])
def test_each_price_with_each_factor(price: Price, fast: bool, in_us: bool, batch: bool, size: int) -> None:
    usage = reported(
        *(count // size for count in COUNTS),
        speed="fast" if fast else "standard",
        inference_geo="us" if in_us else "global",
        service_tier="batch" if batch else "standard",
    )

    found = bill(price.model, usage, price.valid_from)

    known = (not fast or price.fast_factor is not None) and (not in_us or price.us_factor is not None)
    assert found.amount == by_hand(
        price, usage, fast=fast and price.fast_factor is not None, in_us=in_us, batch=batch
    )
    assert found.state == ("exact" if known else "partial")
    assert found.understated is not known
    assert found.price_id == price.id


@pytest.mark.parametrize("price", SHIPPED, ids=lambda price: price.id)
def test_each_alias_has_the_price_of_its_model(price: Price) -> None:
    assert {BOOK.find(alias, price.valid_from) for alias in price.aliases} <= {price}


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("claude-sonnet-4-5-20250929", "claude-sonnet-4-5"),
        ("claude-sonnet-4-20250514[1m]", "claude-sonnet-4-0"),
        ("claude-3-5-haiku-latest", "claude-3-5-haiku"),
        ("claude-opus-4-20250514", "claude-opus-4-0"),
        ("claude-opus-4-5", "claude-opus-4-5"),
        ("claude-opus-5-20991231", "claude-opus-5"),
        ("us.anthropic.claude-opus-4-6-v1", "claude-opus-4-6"),
        ("jp.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
    ],
)
def test_a_model_is_found_by_each_of_its_names(name: str, model: str) -> None:
    found = BOOK.find(name, NOW)

    assert found is not None
    assert found.model == model


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
    found = bill(name, reported(1, 1))

    assert (found.amount, found.state, found.price_id, found.lines) == (None, "unpriced", None, [])
    assert found.unpriced_model == name


def test_an_exact_name_beats_an_alias() -> None:
    named = replace(SHIPPED[0], id="named", model="m-20260101", aliases=())
    aliased = replace(SHIPPED[0], id="aliased", model="m", aliases=("m-20260101",))

    assert PriceBook([aliased, named]).find("m-20260101[1m]", NOW) == named


def test_a_price_holds_from_its_date_to_before_its_end() -> None:
    begin, end = NOW, NOW + timedelta(days=9)
    book = PriceBook([replace(SHIPPED[0], model="m", valid_from=begin, valid_to=end, aliases=("other",))])

    assert book.find("m", begin)
    assert book.find("m", end - timedelta(microseconds=1))
    assert book.find("m", end) is book.find("other", end) is None
    assert book.find("m", begin - timedelta(days=900)), "a model's earliest price also holds before its date"


def test_before_a_later_price_of_a_model_holds_the_earlier_one() -> None:
    at = {"claude-sonnet-5-5": datetime(2026, 10, 7, tzinfo=UTC)}
    [(model, change)] = at.items()
    usage = reported(read=1_000_000)

    assert bill(model, usage, change - timedelta(microseconds=1)).amount == Decimal("0.20")
    assert bill(model, usage, change).amount == Decimal("0.10")


def test_a_withdrawn_price_is_found_by_its_id_alone() -> None:
    gone = replace(SHIPPED[0], id="7", model="m", withdrawn=True)
    book = PriceBook([gone])

    assert (book.find("m", NOW), book.by_id["7"]) == (None, gone)


@pytest.mark.parametrize("kind", Rates._fields)
def test_a_rate_that_is_missing_makes_a_bill_partial_where_it_is_needed(kind: str) -> None:
    price = replace(SHIPPED[0], model="m", rates=SHIPPED[0].rates._replace(**{kind: None}))
    book = PriceBook([price])

    found = cost(reported(1, 1, 1, 1, 1), "m", NOW, book)

    assert (found.state, found.understated) == ("partial", True)
    assert found.reasons == [f"the price of m has no rate for {found.lines[Rates._fields.index(kind)].label}"]
    assert cost(reported(), "m", NOW, book).state == "exact"


def test_a_missing_rate_for_searches_makes_a_bill_partial() -> None:
    book = PriceBook([replace(SHIPPED[0], model="m", web_search=None)])

    found = cost(reported(server_tool_use={"web_search_requests": 1}), "m", NOW, book)

    assert (found.amount, found.reasons) == (Decimal(0), ["the price of m has no rate for web search"])


def test_priority_capacity_is_billed_at_list_price_as_notional() -> None:
    found = bill("claude-opus-5", reported(1_000_000, service_tier="priority"))

    assert (found.amount, found.state) == (Decimal(5), "notional")
    assert bill("claude-opus-5", reported(1, service_tier="priority", new_thing=1)).state == "partial"


@pytest.mark.parametrize("status", ["redeemed", {"type": "redeemed"}])
def test_a_redeemed_credit_leaves_an_upper_bound(status: object) -> None:
    found = bill("claude-opus-5", reported(five_minutes=1_000_000, fallback_credit={"status": status}))

    assert (found.amount, found.state, found.understated) == (Decimal("6.25"), "partial", False)
    applied_not = {"status": {"type": "not_applied", "reason": "expired"}}
    assert bill("claude-opus-5", reported(1, fallback_credit=applied_not)).state == "exact"


def test_what_was_cut_is_partial() -> None:
    assert bill("claude-opus-5", reported(1), finished=False).reasons == [
        "the answer was cut, so tokens may be missing"
    ]


def test_a_refusal_before_any_output_is_on_the_bill_and_costs_nothing() -> None:
    found = bill("claude-opus-5", reported(200_000), attempts=Attempts(NO_CATEGORY))

    assert (found.amount, found.state) == (Decimal(0), "exact")
    assert [(line.quantity, line.factors[-1].name) for line in found.lines] == [
        (200_000, "refused before any output")
    ]


def test_the_lines_add_up_and_say_what_they_are() -> None:
    found = bill("claude-haiku-5-5", reported(100_001, 1000, 3, service_tier="batch", inference_geo="us"))

    assert [(line.label, line.quantity, line.rate, line.over_tokens) for line in found.lines] == [
        ("input", 100_001, Decimal("0.50"), 100_000),
        ("output", 1000, Decimal("2.50"), 100_000),
        ("cache read", 3, Decimal("0.05"), 100_000),
    ]
    assert [factor.name for factor in found.lines[0].factors] == ["US inference", "batch"]
    assert sum(line.amount for line in found.lines) == found.amount


def streamed(name: str) -> tuple[Usage, str]:
    response = read_response(200, "text/event-stream", stream(name))
    assert response.usage is not None
    assert response.model is not None
    return response.usage, response.model


def test_a_cached_opus_answer_is_priced_line_by_line() -> None:
    usage, model = streamed("thinking")

    found = bill(model, usage)

    assert [(line.label, line.quantity, line.amount) for line in found.lines] == [
        ("input", 60, Decimal("0.000900")),
        ("output", 120, Decimal("0.009000")),
        ("cache read", 2048, Decimal("0.003072")),
        ("cache write 5 min", 112, Decimal("0.002100")),
        ("cache write 1 h", 400, Decimal("0.012000")),
    ]
    assert found.amount == Decimal("0.027072")


def test_cache_writes_that_the_split_leaves_out_cost_as_5_minutes() -> None:
    usage, model = streamed("web_search")

    lines = {line.label: line for line in bill(model, usage).lines}

    assert lines["cache write 5 min"].quantity == 17_269
    assert "cache write 1 h" not in lines


def test_web_searches_are_billed_apart() -> None:
    usage, model = streamed("web_search")

    found = bill(model, usage)

    last = found.lines[-1]
    assert (last.label, last.quantity, last.amount) == ("web search", 3, Decimal("0.03"))


def test_a_compaction_comes_on_top_of_the_answer() -> None:
    usage, model = streamed("compaction")

    found = bill(model, usage)

    # Sonnet 4.6: 181 x 3 + 8 x 15, and for the compaction 100 x 3 + 83 x 15 + 55,096 x 0.30.
    assert found.amount == Decimal("0.000663") + Decimal("0.0180738")
    assert [(billed.model, billed.tokens, billed.cost_usd) for billed in found.billed] == [
        ("claude-sonnet-4-6", (281, 91, 55_096, 0), found.amount)
    ]
    assert [line.kind for line in found.lines] == ["", "", "compaction", "compaction", "compaction"]


def test_a_call_by_an_unpriced_model_makes_the_bill_unpriced_and_keeps_its_tokens() -> None:
    usage = reported(
        5, iterations=[{"type": "advisor_message", "model": "claude-secret-9", "input_tokens": 1}]
    )

    found = bill("claude-opus-5", usage)

    assert (found.state, found.unpriced_model, found.lines) == ("unpriced", "claude-secret-9", [])
    assert [(billed.model, billed.tokens.input, billed.cost_usd) for billed in found.billed] == [
        ("claude-opus-5", 5, Decimal(0)),
        ("claude-secret-9", 1, Decimal(0)),
    ]


def test_of_several_unpriced_models_the_first_is_named() -> None:
    advice = {"type": "advisor_message", "model": "claude-secret-9", "input_tokens": 1}

    assert bill("claude-secret-8", reported(5, iterations=[advice])).unpriced_model == "claude-secret-8"


def test_a_book_knows_the_sizes_of_prompts_that_prices_depend_on() -> None:
    band = Band(150_000, SHIPPED[0].rates)
    ended = replace(SHIPPED[0], id="1", model="m", band=band, valid_to=SHIPPED[0].valid_from)
    book = PriceBook([ended])

    assert book.thresholds == (100_000, 150_000, 200_000)
    assert list(book.in_force(NOW)) == []


def test_a_split_larger_than_the_total_does_not_cost_more_than_the_total() -> None:
    usage = Usage(cache_write_tokens=10, cache_write_1h_tokens=4_000_000)

    assert bill("claude-haiku-4-5", usage).amount == Decimal("0.000020")


def test_an_answer_that_used_nothing_costs_nothing() -> None:
    assert bill("claude-opus-5", Usage()).amount == Decimal(0)


def test_the_largest_counts_are_exact() -> None:
    assert bill("claude-opus-4-1", Usage(output_tokens=2**53 - 1)).amount == Decimal("675539944105.574325")


def test_every_shipped_price_has_an_id_of_its_own() -> None:
    assert len({price.id for price in SHIPPED}) == len(SHIPPED) == 32
