"""What the row of an exchange says of its cost: in what state, by which models, and what limits count beside it."""

from decimal import Decimal
from typing import Any

import pytest

from proxy.store.ingest import batch as ingest
from proxy.store.models import DomainTotal, Exchange, Rollup, Spend
from proxy.store.pricing import costs
from proxy.store.rebuilding import rollups as rebuild
from tests.roles import OWNER
from tests.store.records import SSE, ask, make_batch, make_closing, make_head, make_record, say, stream

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]

MODEL, OTHER = "claude-opus-5-5", "claude-fable-5-2"
CUT: dict[str, Any] = {"outcome": "upstream_cut", "first_byte_ms": 1000.0, "duration_ms": 5000.0}


def taken(response: bytes, request: bytes = b"", **closing: Any) -> Exchange:
    record = make_record(request or ask(model=MODEL), response, closing=make_closing(**closing))
    ingest.ingest(make_batch(record))
    return Exchange.objects.get(pk=record.head.id)


def response(usage: dict[str, Any], **more: Any) -> Exchange:
    return taken(say(model=MODEL, usage=usage, **more))


def of_row(row: Exchange) -> tuple[Decimal | None, str, str, Decimal | None]:
    return row.cost_usd, row.cost_state, row.cost_reason, row.estimated_usd


def test_an_exact_cost_needs_no_reason_and_no_estimate() -> None:
    row = response({"input_tokens": 100_000, "output_tokens": 10_000, "speed": "fast", "inference_geo": "us"})

    assert of_row(row) == (Decimal("1.32"), "exact", "", None)
    assert (row.price_rule, row.billed, row.speed, row.inference_geo) == (costs.RULE, None, "fast", "us")


def test_a_field_that_is_not_understood_is_named_and_counts_for_limits() -> None:
    row = response({"input_tokens": 1_000_000, "surcharge": {"usd": 3}})

    # Beside the 4 USD what fast mode in the US would cost: 8.80.
    assert of_row(row) == (Decimal(4), "partial", "usage.surcharge is not understood", Decimal("4.8"))
    spend = Spend.objects.get()
    assert (spend.cost_usd, spend.estimated_usd) == (Decimal(4), Decimal("4.8"))
    assert Rollup.objects.get().cost_usd == DomainTotal.objects.get().cost_usd == 4


def test_priority_capacity_is_counted_beside_exact() -> None:
    row = response({"input_tokens": 1_000_000, "service_tier": "priority"})

    assert of_row(row) == (Decimal(4), "notional", "", None)
    assert Rollup.objects.get().notional == DomainTotal.objects.get().notional == 1
    assert DomainTotal.objects.get().cost_usd == 4


def begun(*events: dict[str, Any]) -> bytes:
    usage = {"input_tokens": 1_000_000, "output_tokens": 1}
    return stream({"type": "message_start", "message": {"id": "m", "model": MODEL, "usage": usage}}, *events)


def test_of_a_cut_answer_what_it_may_have_written_counts_for_limits() -> None:
    row = taken(begun(), ask(model=MODEL, max_tokens=128_000), headers=SSE, **CUT)

    # Told are 4 USD and one token of output; four seconds at 250 tokens write 1,000.
    assert of_row(row) == (
        Decimal("4.00002"),
        "partial",
        "the answer was cut, so tokens may be missing",
        Decimal("0.01998"),
    )


def test_of_a_cut_answer_no_more_counts_than_its_request_allowed() -> None:
    row = taken(begun(), ask(model=MODEL, max_tokens=101), headers=SSE, **CUT)

    assert row.estimated_usd == Decimal("0.002")


def test_of_an_answer_that_never_came_nothing_is_estimated() -> None:
    nothing = taken(b"", outcome="client_left", status=0, first_byte_ms=None)
    pings = taken(b"event: ping\ndata: {}\n\n", ask(model=MODEL, max_tokens=50), headers=SSE, **CUT)

    assert of_row(nothing)[1:] == ("partial", "the answer's usage did not arrive or cannot be read", None)
    assert pings.estimated_usd == Decimal("0.001")


def test_an_unknown_model_counts_as_the_dearest_of_its_family() -> None:
    row = taken(say(model="claude-opus-9", usage={"input_tokens": 1_000_000}))

    assert of_row(row) == (None, "unpriced", "claude-opus-9 has no price", Decimal(15))
    assert Spend.objects.get().estimated_usd == 15


def advised() -> Exchange:
    advice = {"type": "advisor_message", "model": OTHER, "input_tokens": 1_000_000, "output_tokens": 0}
    return response({"input_tokens": 1_000_000, "output_tokens": 7, "iterations": [advice]})


def test_each_model_is_summed_up_by_what_it_is_billed_for_and_the_exchange_once() -> None:
    row = advised()

    assert (row.input_tokens, row.cost_usd) == (1_000_000, Decimal("12.00014"))
    assert row.billed == [[MODEL, 1_000_000, 7, 0, 0, "4.00014"], [OTHER, 1_000_000, 0, 0, 0, "8"]]
    found = {item.model: (item.requests, item.input_tokens, item.cost_usd) for item in Rollup.objects.all()}
    assert found == {MODEL: (1, 1_000_000, Decimal("4.00014")), OTHER: (0, 1_000_000, Decimal(8))}
    total = DomainTotal.objects.get()
    assert (total.requests, total.input_tokens, total.cost_usd) == (1, 2_000_000, Decimal("12.00014"))


def test_a_rebuild_finds_nothing_whatever_is_billed() -> None:
    advised()
    taken(say(model="claude-opus-9", usage={"input_tokens": 5}), ask(model="best"))
    response({"input_tokens": 5, "new": 1})
    taken(begun(), headers=SSE, **CUT)
    ingest.ingest(
        make_batch(
            make_record(response=b"{}", head=make_head(domain="b.example"), closing=make_closing(status=401))
        )
    )

    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()


def test_sums_by_model_that_were_lost_come_back() -> None:
    advised()
    before = sorted(Rollup.objects.values_list("model", "requests", "input_tokens", "cost_usd"))
    Rollup.objects.all().delete()

    found = rebuild.rebuild(rebuild.Asked())

    assert found.hours
    assert sorted(Rollup.objects.values_list("model", "requests", "input_tokens", "cost_usd")) == before


def test_a_refusal_before_any_output_costs_nothing_exactly() -> None:
    usage = {"input_tokens": 200_000, "output_tokens": 4}
    row = response(
        usage,
        content=[],
        stop_reason="refusal",
        stop_details={"category": None, "fallback_credit_token": "s3cret"},
    )

    assert of_row(row) == (Decimal(0), "exact", "", None)
    assert (row.attempts, row.stop_details) == ({"refusal": "null"}, {"category": None})
    assert "s3cret" not in str(row.__dict__)


def test_a_declined_attempt_is_billed_by_its_category() -> None:
    declined = {"type": "message", "model": OTHER, "input_tokens": 1_000_000, "output_tokens": 0}
    served = {"type": "fallback_message", "model": MODEL, "input_tokens": 1_000_000, "output_tokens": 0}

    def fell_back(category: str | None) -> Exchange:
        trigger = {"type": "refusal", "category": category}
        block = {"type": "fallback", "from": {"model": OTHER}, "to": {"model": MODEL}, "trigger": trigger}
        usage = {"input_tokens": 1_000_000, "output_tokens": 0, "iterations": [declined, served]}
        return response(usage, content=[block, {"type": "text", "text": "Hi"}])

    assert of_row(fell_back("cyber"))[:2] == (Decimal(4), "exact")
    assert of_row(fell_back("bio"))[:2] == (Decimal(12), "exact")
    unknown = fell_back(None)
    assert (unknown.cost_usd, unknown.cost_state, unknown.fallback_from) == (Decimal(12), "partial", OTHER)


def test_what_else_the_answer_and_the_request_say_is_kept() -> None:
    request = ask(
        model=MODEL, max_tokens=77, billing_policy={"type": "billing_policy", "bill_to": "user_profile"}
    )
    usage = {
        "input_tokens": 5,
        "output_tokens": 9,
        "output_tokens_details": {"thinking_tokens": 4},
        "service_tier": "standard",
    }

    row = taken(
        say(model=MODEL, usage=usage, input_transformations=[{"type": "thinking_dropped"}] * 2), request
    )

    assert (row.max_tokens, row.bill_to, row.thinking_tokens) == (77, "user_profile", 4)
    assert (row.service_tier, row.input_transformations, row.cost_state) == ("standard", 2, "exact")


def test_the_stable_name_of_an_error_is_kept() -> None:
    error = {"type": "rate_limit_error", "message": "slow", "details": {"error_code": "ramp_limit_exceeded"}}

    row = taken(say(type="error", error=error, usage=None), status=429)

    assert (row.error_type, row.error_code) == ("rate_limit_error", "ramp_limit_exceeded")


@pytest.mark.parametrize(
    ("usd", "text"), [("0", "0"), ("1E-11", "0.00000000001"), ("120.50", "120.5"), ("100", "100")]
)
def test_amounts_are_written_in_full(usd: str, text: str) -> None:
    assert costs.plain(Decimal(usd)) == text
    assert costs.signed(Decimal(usd)) == f"+{text}"
    assert costs.signed(Decimal("-0.10")) == "-0.1"
