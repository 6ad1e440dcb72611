"""A bill that one can read: each line of it in the API and on the page of its request."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from proxy.store.ingest import batch as ingest
from proxy.store.models import Exchange, Price
from proxy.store.pricing import upgrade
from proxy.store.pricing.book import CachedBook
from tests import people
from tests.roles import as_owner
from tests.store import batch_records, bills
from tests.store.bills import FABLE, HAIKU, OPUS
from tests.store.records import ask, make_batch, make_closing, make_record

pytestmark = pytest.mark.django_db
SECRET = "sk-ant-api03-abcdefghijklmnop"


@pytest.fixture(autouse=True)
def _prices(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that came with Nexus, and none that a test before this one read."""
    monkeypatch.setattr(ingest, "_prices", CachedBook())
    with as_owner():
        upgrade.run()


def page(client: Client, row: Exchange) -> str:
    return client.get(f"/dashboard/request/{row.id}").content.decode()


def reported(client: Client, row: Exchange) -> dict[str, Any]:
    found: dict[str, Any] = client.get(f"/api/requests/{row.id}").json()
    return found


@pytest.mark.parametrize("kind", bills.KINDS)
def test_the_lines_of_the_api_add_up_to_the_cost(program: Client, kind: str) -> None:
    row = bills.stored(bills.record_of(kind))

    found = reported(program, row)

    assert (
        sum(Decimal(line["amount"]) for line in found["costLines"]) == Decimal(found["cost"]) == row.cost_usd
    )
    assert sum(Decimal(billed["cost"]) for billed in found["billed"]) == row.cost_usd
    assert found["costUsd"] == float(found["cost"])


def test_each_line_is_its_quantity_times_its_rate_times_its_factors(program: Client) -> None:
    for kind in bills.KINDS:
        for line in reported(program, bills.stored(bills.record_of(kind)))["costLines"]:
            amount = line["quantity"] * Decimal(line["rate"]) / line["per"]
            for factor in line["factors"]:
                amount *= Decimal(factor["value"])
            assert Decimal(line["amount"]) == amount


def test_a_line_has_all_that_it_comes_from(program: Client) -> None:
    row = bills.stored(bills.record_of("fast in the US"))

    assert reported(program, row)["costLines"][0] == {
        "label": "input",
        "kind": "",
        "model": OPUS,
        "quantity": 100,
        "rate": "4",
        "per": 1_000_000,
        "factors": [{"name": "fast", "value": "2"}, {"name": "US inference", "value": "1.1"}],
        "amount": "0.00088",
        "overTokens": 0,
        "priceId": row.price_id,
        "price": f"{OPUS} from 2026-09-22",
    }


def test_every_model_that_is_billed_has_its_tokens_and_cost(program: Client) -> None:
    found = reported(program, bills.stored(bills.record_of("advisor")))

    assert found["billed"] == [
        {
            "model": HAIKU, "inputTokens": 100, "outputTokens": 200, "cacheReadInputTokens": 0,
            "cacheCreationInputTokens": 0, "cost": "0.00011",
        },
        {
            "model": OPUS, "inputTokens": 300, "outputTokens": 40, "cacheReadInputTokens": 0,
            "cacheCreationInputTokens": 0, "cost": "0.002",
        },
    ]  # fmt: skip


def test_a_tiny_cost_has_no_exponent_and_a_whole_one_no_zeros(program: Client) -> None:
    tiny = bills.stored(bills.record(HAIKU, {"cache_read_input_tokens": 1}))

    assert reported(program, tiny)["cost"] == "0.00000001"
    assert reported(program, bills.stored(bills.record_of("refused before any output")))["cost"] == "0"
    assert {request["cost"] for request in program.get("/api/requests").json()["requests"]} == {
        "0.00000001",
        "0",
    }


def test_what_nobody_billed_has_no_cost_and_says_why(program: Client) -> None:
    row = bills.stored(make_record(closing=make_closing(outcome="refused", status=401), response=b""))

    found = reported(program, row)

    assert (found["cost"], found["costLines"], found["billed"]) == (None, [], [])
    assert found["costNotes"] == ["Nexus refused it, so upstream never saw it."]


def served() -> Exchange:
    """An exchange that tells everything there is to tell."""
    usage = bills.CALL | {
        "speed": "fast", "inference_geo": "us", "service_tier": "priority",
        "output_tokens_details": {"thinking_tokens": 1500},
    }  # fmt: skip
    details = {
        "category": "frontier_llm",
        "explanation": f"Declined, {SECRET}",
        "recommended_model": "claude-x",
    }
    only = bills.record(
        OPUS,
        usage,
        stop_reason="refusal",
        stop_details=details,
        content=[bills.FALLBACK],
        input_transformations=[{"type": "thinking_dropped"}, {}],
    )
    return bills.stored(
        make_record(ask(model=FABLE, billing_policy={"bill_to": "user_profile"}), only.response_body)
    )


def test_the_api_tells_how_it_was_served(program: Client) -> None:
    found = reported(program, served())

    names = (
        "model", "answeredModel", "fallbackFrom", "speed", "inferenceGeo", "serviceTier", "thinkingTokens", "errorCode",
        "inputTransformations", "billTo",
    )  # fmt: skip
    assert [found[name] for name in names] == [
        FABLE, OPUS, FABLE, "fast", "us", "priority", 1500, None, 2, "user_profile",
    ]  # fmt: skip
    assert found["stopDetails"]["category"] == "frontier_llm"
    assert "abcdefghijklmnop" not in str(found["stopDetails"])


def test_the_page_tells_how_it_was_served(signed_in: Client) -> None:
    shown = page(signed_in, served())

    for expected in (
        f"<dt>Asked for</dt><dd>{FABLE}</dd>", f"<dt>Answered by</dt><dd>{OPUS}</dd>",
        f"<dt>Declined first</dt><dd>{FABLE}</dd>", "<dt>Speed</dt><dd>fast</dd>", "<dt>Inference</dt><dd>US only</dd>",
        "<dt>Service tier</dt><dd>priority</dd>", '<dd>1,500 <span class="dim">of the output tokens</span>',
        "<dt>Changes to its input</dt><dd>2</dd>", '<dd>user profile <span class="dim">counted here all the same</span>',
        "<dt>Stop details</dt><dd>frontier llm", "<dt>Recommended model</dt><dd>claude-x</dd>",
    ):  # fmt: skip
        assert expected in shown
    assert "abcdefghijklmnop" not in shown


def test_a_plain_answer_is_not_cluttered(signed_in: Client) -> None:
    shown = page(signed_in, bills.stored(bills.record_of("plain")))

    for name in (
        "Speed",
        "Inference",
        "Service tier",
        "Thinking",
        "Stop details",
        "Asked to bill",
        "Billed besides",
    ):
        assert f"<dt>{name}</dt>" not in shown


def test_an_error_has_its_stable_code(program: Client, signed_in: Client) -> None:
    body = (
        b'{"type":"error","error":{"type":"x","message":"m","details":{"error_code":"ramp_limit_exceeded"}}}'
    )
    row = bills.stored(make_record(response=body, closing=make_closing(status=429, outcome="upstream_error")))

    assert reported(program, row)["errorCode"] == "ramp_limit_exceeded"
    assert "<dt>Error code</dt><dd>ramp_limit_exceeded</dd>" in page(signed_in, row)
    assert "Upstream answered with an error, which is not billed." in page(signed_in, row)


def test_the_page_has_each_line_and_the_total_with_every_digit(signed_in: Client) -> None:
    row = bills.stored(bills.record_of("upper band"))

    shown = page(signed_in, row)

    for expected in (
        '<h2 id="bill-title">Bill <span class="tag good"', "0.0000035", "0.0000075", "0.005", ">100,000</td>",
        "prompt over 100,000 tokens", "from 2026-10-07",
        '<th scope="row">Total</th><td class="number">0.005011</td>',
    ):  # fmt: skip
        assert expected in shown


def test_the_page_shows_kinds_and_factors(signed_in: Client) -> None:
    shown = page(signed_in, bills.stored(bills.record_of("fallback")))

    assert 'input <span class="tag">declined</span>' in shown
    assert '<span class="tag">× 0 refused before any output</span>' in shown  # noqa: RUF001 - the page's sign


STATES = [
    ("plain", "exact", "Every line of its bill is known"),
    ("priority", "notional", "served from priority capacity, which is paid for in advance"),
    ("a field that nobody knows", "partial", "usage.video_seconds is not understood"),
]


@pytest.mark.parametrize(("kind", "state", "title"), STATES)
def test_the_state_is_a_tag_that_says_why(signed_in: Client, kind: str, state: str, title: str) -> None:
    row = bills.stored(bills.record_of(kind))

    shown = page(signed_in, row)

    assert f">{state}</span>" in shown
    assert title in shown
    listed = signed_in.get("/dashboard/requests").content.decode()
    assert (title in listed) == (state != "exact")


def test_the_reasons_of_a_partial_cost_are_listed(signed_in: Client, program: Client) -> None:
    row = bills.stored(bills.record(OPUS, bills.CALL | {"video_seconds": 7, "audio": {"minutes": 2}}))

    reasons = ["usage.video_seconds is not understood", "usage.audio is not understood"]
    assert reported(program, row)["costReasons"] == reasons
    for reason in reasons:
        assert f"<li>{reason}</li>" in page(signed_in, row)


def test_a_model_without_a_price_says_what_to_do(signed_in: Client) -> None:
    shown = page(signed_in, bills.stored(bills.record("claude-next-9", bills.CALL)))

    assert "<li>claude-next-9 has no price</li>" in shown
    assert "then run <code>manage.py reprice</code>." in shown


def test_a_bill_that_is_out_of_date_says_so(signed_in: Client, program: Client) -> None:
    row = bills.stored(bills.record_of("plain"))
    with as_owner():
        Price.objects.filter(model=OPUS).update(input="99")

    assert ">out of date</span>" in page(signed_in, row)
    assert "`manage.py reprice` computes it again" in reported(program, row)["costNotes"][0]


def test_a_price_that_was_withdrawn_or_entered_is_marked(signed_in: Client) -> None:
    people.make_price("claude-own-1")
    row = bills.stored(bills.record("claude-own-1", bills.CALL))
    with as_owner():
        Price.objects.get(model="claude-own-1").withdraw()

    shown = page(signed_in, row)

    assert '<span class="tag">an operator\'s</span>' in shown
    assert '<span class="tag warn">withdrawn</span>' in shown
    assert ">out of date</span>" not in shown


def test_the_page_of_a_batch_has_the_lines_of_its_shares(signed_in: Client, program: Client) -> None:
    people.take_in(make_batch(batch_records.create(requests=2)))
    lines = (
        bills.answered(HAIKU, {"input_tokens": 100_001}),
        bills.answered(OPUS, bills.CALL | {"inference_geo": "us"}),
    )
    row = bills.stored(batch_records.fetch(b"".join(lines)))

    found, shown = reported(program, row), page(signed_in, row)

    assert sum(Decimal(line["amount"]) for line in found["costLines"]) == Decimal(found["cost"])
    assert '<span class="tag">× 0.5 batch</span>' in shown  # noqa: RUF001 - the page's sign
    assert '<span class="tag">over 100,000</span>' in shown
    assert "<dt>Asked for</dt>" not in shown


def test_whatever_came_over_the_wire_is_masked_and_escaped(signed_in: Client, program: Client) -> None:
    usage = bills.CALL | {
        f"<b>{SECRET}": 1, "speed": f"<i>{SECRET}", "inference_geo": f"<i>{SECRET}", "service_tier": f"<i>{SECRET}",
    }  # fmt: skip
    details = {"category": f"<i>{SECRET}", "explanation": f"<i>{SECRET}"}
    row = bills.stored(bills.record(OPUS, usage, stop_reason="refusal", stop_details=details))

    shown, found = page(signed_in, row), reported(program, row)

    assert "abcdefghijklmnop" not in shown
    assert "<b>sk-ant" not in shown
    assert "<i>sk-ant" not in shown
    assert "abcdefghijklmnop" not in str(found)


def test_figures_tell_notional_costs_apart(signed_in: Client, program: Client) -> None:
    now = {"id": str(people.make_id()), "started_at": timezone.now().timestamp()}
    bills.stored(bills.record_of("priority", **now))

    stats = program.get("/api/stats").json()

    assert (stats["costState"], stats["notionalRequests"], stats["totalCost"]) == ("notional", 1, "0.0044")
    for path in ("/dashboard", "/dashboard/usage"):
        assert "1 notional</span>" in signed_in.get(path).content.decode()
    usage = signed_in.get("/dashboard/usage").content.decode()
    assert "1 request was served from priority capacity, which is paid for in advance" in usage
    assert "Cost per hour by model, USD (notional)" in usage


@pytest.mark.parametrize("days", [0, 3])
def test_a_model_that_only_worked_inside_the_answers_of_others_is_in_the_tables(
    signed_in: Client, program: Client, days: int
) -> None:
    moment = timezone.now() - timedelta(days=days)
    head = {"id": str(people.make_id(moment)), "started_at": moment.timestamp()}
    bills.stored(bills.record_of("advisor", **head))

    stats = program.get(
        f"/api/stats?since={(moment - timedelta(days=1)).strftime('%Y-%m-%dT%H:%M:%SZ')}"
    ).json()
    usage = signed_in.get("/dashboard/usage").content.decode()

    assert stats["requestsByModel"] == {HAIKU: 1, OPUS: 0}
    assert stats["totalRequests"] == 1
    assert (stats["totalInputTokens"], stats["totalCost"]) == (400, "0.00211")
    assert (
        f'<th scope="row" class="name" title="{OPUS}"><a class="only" href="?model={OPUS}">{OPUS}</a></th>'
        in usage
    )
    assert "It only worked inside the answers of others" in usage


def test_what_limits_estimate_is_in_no_figure(program: Client) -> None:
    now = {"id": str(people.make_id()), "started_at": timezone.now().timestamp()}
    row = bills.stored(bills.record("claude-next-9", bills.CALL, head=now))

    assert row.estimated_usd
    assert program.get("/api/stats").json()["totalCost"] == "0"


def test_a_bill_of_very_many_lines_makes_a_small_page(signed_in: Client, program: Client) -> None:
    more = {"type": f"odd_{SECRET}", "input_tokens": 1}
    row = bills.stored(bills.record(OPUS, bills.CALL | {"iterations": [more] * 1_000}))

    found, shown = reported(program, row), page(signed_in, row)

    assert len(found["costLines"]) == 1_002
    assert sum(Decimal(line["amount"]) for line in found["costLines"]) == row.cost_usd
    assert "The first 200 of 1,002 lines" in shown
    assert len(shown) < 200_000
    assert "abcdefghijklmnop" not in shown + str(found["costLines"])
