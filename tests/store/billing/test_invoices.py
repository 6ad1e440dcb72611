"""Golden invoices: each pricing rule, from the bytes of an answer to the row, the rollup and the domain's total.

USD per million tokens: Sonnet 4.5 3 in, 15 out, 0.30 read, 3.75 and 6 written; Haiku 4.5 1, 5, 0.10, 1.25 and 2;
Opus 4.1 15, 75, 1.50, 18.75 and 30; Sonnet 5.5 reads 0.20, from 7 October 2026 on 0.10. Web searches 10 per thousand.
"""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest

from proxy.store.ingest import batch as ingest
from proxy.store.models import DomainTotal, Exchange, Price, Rollup
from tests.store.records import NOON, SSE, ask, make_batch, make_closing, make_head, make_record, say, stream

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]
SONNET, HAIKU, OPUS, SONNET_5_5 = (
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
    "claude-opus-4-1",
    "claude-sonnet-5-5",
)
INDIA, PACIFIC = timezone(timedelta(hours=5, minutes=30)), timezone(timedelta(hours=-8))


SPLIT = {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 3000}
# The rule, what it costs, who answered, and the usage that upstream reported.
INVOICES: list[tuple[str, str, str, dict[str, object]]] = [
    # 1,234 x 3 + 567 x 15
    ("input and output", "0.0122070000", SONNET, {"input_tokens": 1234, "output_tokens": 567}),
    ("a dated name", "0.0000350000", f"{HAIKU}-20251001", {"input_tokens": 10, "output_tokens": 5}),
    # 10 x 15 + 100,001 x 1.50
    ("cache read", "0.1501515000", OPUS, {"input_tokens": 10, "cache_read_input_tokens": 100_001}),
    # 4,000 x 3.75, without a split
    ("cache write, no split", "0.0150000000", SONNET, {"cache_creation_input_tokens": 4000}),
    (
        "cache write 5 min",
        "0.0150000000",
        SONNET,
        {"cache_creation_input_tokens": 4000, "cache_creation": {"ephemeral_5m_input_tokens": 4000}},
    ),
    (
        "cache write 1 h",
        "0.0240000000",
        SONNET,
        {"cache_creation_input_tokens": 4000, "cache_creation": {"ephemeral_1h_input_tokens": 4000}},
    ),
    # 1,000 x 3.75 + 3,000 x 6
    ("both", "0.0217500000", SONNET, {"cache_creation_input_tokens": 4000, "cache_creation": SPLIT}),
    # The split explains 4,000 of 10,000: 7,000 x 3.75 + 3,000 x 6
    (
        "a split that is older than the total",
        "0.0442500000",
        SONNET,
        {"cache_creation_input_tokens": 10_000, "cache_creation": SPLIT},
    ),
    # 100 x 3 + 200 x 15, and by Haiku 300 x 1 + 40 x 5 on top
    (
        "iterations, one by another model",
        "0.0038000000",
        SONNET,
        {
            "input_tokens": 100,
            "output_tokens": 200,
            "iterations": [
                {"type": "message", "input_tokens": 100, "output_tokens": 200},
                {"type": "advisor_message", "model": HAIKU, "input_tokens": 300, "output_tokens": 40},
            ],
        },
    ),
    # 100 x 3 + 3 x 0.01
    (
        "web search",
        "0.0303000000",
        SONNET,
        {"input_tokens": 100, "server_tool_use": {"web_search_requests": 3}},
    ),
    # (1,001 x 3 + 101 x 15) / 2
    ("batch", "0.0022590000", SONNET, {"input_tokens": 1001, "output_tokens": 101, "service_tier": "batch"}),
    # 1,000 x 1.50 + 2 x 0.01
    (
        "batch: tools are not halved",
        "0.0215000000",
        SONNET,
        {"input_tokens": 1000, "service_tier": "batch", "server_tool_use": {"web_search_requests": 2}},
    ),
    ("nothing used", "0", SONNET, {"input_tokens": 0, "output_tokens": 0}),
    ("a single token of the cheapest", "0.0000001000", HAIKU, {"cache_read_input_tokens": 1}),
    # Half of: Sonnet 1,000 x 3 + 2,000 x 15 + 3,000 x 0.30 + 1,000 x 3.75 + 3,000 x 6, Opus 10 x 15 + 20 x 75;
    # and one search.
    (
        "all at once",
        "0.0386500000",
        SONNET,
        {
            "service_tier": "batch",
            "server_tool_use": {"web_search_requests": 1},
            "input_tokens": 1000,
            "output_tokens": 2000,
            "cache_read_input_tokens": 3000,
            "cache_creation_input_tokens": 4000,
            "cache_creation": SPLIT,
            "iterations": [
                {"type": "advisor_message", "model": OPUS, "input_tokens": 10, "output_tokens": 20}
            ],
        },
    ),
]


def billed(response: bytes, moment: datetime = NOON, **closing: object) -> Exchange:
    """Taken in, with a second exchange beside it that cost nothing: the sums must say what the row says."""
    record = make_record(ask(model="fast"), response, head=make_head(moment), closing=make_closing(**closing))
    ingest.ingest(make_batch(record, make_record(response=b"", closing=make_closing(status=529))))
    row = Exchange.objects.get(id=record.head.id)
    rollups = Rollup.objects.values_list("cost_usd", flat=True)
    assert sum(rollups) == DomainTotal.objects.get().cost_usd == (row.cost_usd or 0)
    return row


def price_of(row: Exchange) -> Price:
    assert row.price_id is not None
    return Price.objects.get(id=row.price_id)


@pytest.mark.parametrize(
    ("cost", "model", "usage"),
    [invoice[1:] for invoice in INVOICES],
    ids=[invoice[0] for invoice in INVOICES],
)
def test_an_answer_costs_what_its_rule_says(cost: str, model: str, usage: dict[str, object]) -> None:
    row = billed(say(model=model, usage=usage))

    assert (row.cost_usd, row.cost_state) == (Decimal(cost), "exact")
    assert price_of(row).model == model.removesuffix("-20251001")


EDGE = datetime(2026, 10, 7, tzinfo=UTC)


@pytest.mark.parametrize(
    ("moment", "cost"),
    [
        (EDGE - timedelta(milliseconds=1), "0.20"),
        (EDGE, "0.10"),
        (EDGE + timedelta(milliseconds=1), "0.10"),
        (datetime(2026, 10, 7, 5, 29, 59, tzinfo=INDIA), "0.20"),
        (datetime(2026, 10, 7, 5, 30, tzinfo=INDIA), "0.10"),
        (datetime(2026, 10, 6, 15, 59, 59, tzinfo=PACIFIC), "0.20"),
        (datetime(2026, 10, 6, 16, tzinfo=PACIFIC), "0.10"),
    ],
)
def test_the_price_is_that_of_the_moment_in_any_time_zone(moment: datetime, cost: str) -> None:
    row = billed(say(model=SONNET_5_5, usage={"cache_read_input_tokens": 1_000_000}), moment)

    assert row.cost_usd == Decimal(cost)
    assert (price_of(row).valid_from < EDGE) == (cost == "0.20")


def streamed(*, ended: bool, final: dict[str, object] | None, **first: object) -> bytes:
    events: list[dict[str, object]] = [
        {"type": "message_start", "message": {"id": "m", "model": SONNET, "usage": first}}
    ]
    if final is not None:
        events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": final})
    if ended:
        events.append({"type": "message_stop"})
    return stream(*events)


def test_of_a_stream_the_last_word_counts_and_not_the_provisional_one() -> None:
    # 2,479 tokens became 404,500, one provisional output token 510; the split is told only at the start.
    body = streamed(
        ended=True,
        input_tokens=2479,
        output_tokens=1,
        cache_creation_input_tokens=0,
        cache_creation=SPLIT,
        final={"input_tokens": 404_500, "output_tokens": 510, "cache_creation_input_tokens": 10_000},
    )

    row = billed(body, headers=SSE)

    # 404,500 x 3 + 510 x 15 + 7,000 x 3.75 + 3,000 x 6
    assert (row.cost_usd, row.cost_state) == (Decimal("1.2654000000"), "exact")


def test_a_stream_that_was_cut_costs_what_was_told_until_then() -> None:
    body = streamed(ended=False, input_tokens=1000, output_tokens=1, final=None)

    row = billed(body, headers=SSE, outcome="client_left")

    assert (row.cost_usd, row.cost_state) == (Decimal("0.003015"), "partial")
    assert Rollup.objects.get(model=SONNET).partial == DomainTotal.objects.get().partial == 1


def test_many_small_costs_add_up_without_a_rounding_error() -> None:
    usage = {"cache_read_input_tokens": 1}
    records = [make_record(response=say(model=HAIKU, usage=usage)) for _ in range(70)]

    ingest.ingest(make_batch(*records))

    assert Rollup.objects.get().cost_usd == DomainTotal.objects.get().cost_usd == Decimal("0.000007")
