"""The bill of a stored exchange: its lines add up to the stored cost, and what cannot be told in lines is told in sentences."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from proxy.store.billing.explain import Explanation, explain
from proxy.store.billing.price_again import GONE
from proxy.store.ingest import message_batches
from proxy.store.models import Exchange, Price
from proxy.store.pricing.costs import plain
from proxy.wire.billing.pricing import Factor
from tests import people
from tests.roles import as_owner
from tests.store import batch_records, bills
from tests.store.bills import HAIKU, OPUS, SONNET
from tests.store.records import make_batch, make_closing, make_head, make_record, uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]


def of(kind: str) -> Explanation:
    return explain(bills.stored(bills.record_of(kind)))


def labels(found: Explanation) -> list[tuple[str, str, str]]:
    return [(line.label, line.kind, line.model) for line in found.lines]


@pytest.mark.parametrize("kind", bills.KINDS)
def test_the_lines_add_up_to_the_stored_cost_to_the_last_digit(kind: str) -> None:
    found = of(kind)

    assert found.lines
    assert found.total == found.cost_usd
    assert not [note for note in found.notes if "reprice" in note]


def test_a_line_is_its_quantity_times_its_rate_times_its_factors() -> None:
    found = of("fast in the US")

    [line, output] = found.lines
    assert (line.label, line.quantity, line.rate, line.per) == ("input", 100, Decimal(4), 1_000_000)
    assert line.factors == (Factor("fast", Decimal(2)), Factor("US inference", Decimal("1.1")))
    assert line.amount == Decimal("0.00088")
    assert output.amount == Decimal("0.0088")
    assert line.price is not None
    assert str(line.price) == f"{OPUS} from 2026-09-22"


def test_a_line_of_an_upper_band_says_over_which_prompts_it_holds() -> None:
    found = of("upper band")

    assert {line.over_tokens for line in found.lines} == {100_000}
    assert found.lines[0].rate == Decimal("0.5")


def test_calls_beside_the_answers_own_have_lines_of_their_kind() -> None:
    assert ("input", "compaction", OPUS) in labels(of("compaction"))
    assert ("output", "advisor", OPUS) in labels(of("advisor"))
    fallback = of("fallback")
    assert ("input", "declined", bills.FABLE) in labels(fallback)
    assert [billed.model for billed in fallback.billed] == [OPUS, bills.FABLE]


def test_web_searches_are_counted_by_the_thousand() -> None:
    line = of("web search").lines[-1]

    assert (line.label, line.quantity, line.rate, line.per) == ("web search", 3, Decimal(10), 1000)
    assert line.amount == Decimal("0.03")


def test_what_was_refused_for_nothing_shows_what_it_would_have_been() -> None:
    found = of("refused before any output")

    assert found.cost_usd == 0
    assert [line.factors[-1].name for line in found.lines] == ["refused before any output"] * 2
    assert found.notes == ("Nothing of it is billed: a factor or a rate of each line is 0.",)


def test_prepaid_capacity_says_that_its_cost_is_notional() -> None:
    found = of("priority")

    assert found.cost_state == "notional"
    assert "what it would cost at list prices" in found.notes[0]


def test_a_partial_cost_names_the_field_that_is_not_understood() -> None:
    found = of("a field that nobody knows")

    assert found.cost_state == "partial"
    assert found.reasons == ("usage.video_seconds is not understood",)
    assert any("Limits count up to USD" in note for note in found.notes)


def test_a_withdrawn_price_still_explains_what_it_was_billed_for() -> None:
    row = bills.stored(bills.record_of("plain"))
    with as_owner():
        old = Price.objects.get(model=OPUS)
        old.withdraw()
        Price.objects.create(model=OPUS, valid_from=old.valid_from, input="99", output="99", cache_read="99")

    found = explain(row)

    assert found.total == found.cost_usd
    assert found.lines[0].price is not None
    assert f"{OPUS} from 2026-09-22 (withdrawn on " in str(found.lines[0].price)


def test_an_operators_price_is_told_from_one_that_came_with_nexus() -> None:
    people.make_price("claude-own-1")

    found = explain(bills.stored(bills.record("claude-own-1", bills.CALL)))

    assert str(found.lines[0].price) == "claude-own-1 from 2025-01-01 (an operator's)"


def test_where_a_price_was_edited_since_it_says_so_and_what_to_do() -> None:
    row = bills.stored(bills.record_of("plain"))
    with as_owner():
        Price.objects.filter(model=OPUS).update(input=99)

    found = explain(row)

    assert found.total != found.cost_usd
    assert (
        f"not to the stored USD {plain(row.cost_usd)}: a price was changed since; `manage.py reprice`"
        in found.notes[0]
    )


def test_the_cost_of_an_earlier_rule_says_so() -> None:
    row = bills.stored(bills.record_of("fast in the US"))
    row.cost_usd, row.price_rule = Decimal("0.0044"), 0

    assert "the rule of an earlier version; `manage.py reprice`" in explain(row).notes[0]


def test_where_bodies_are_gone_nothing_is_promised_of_reprice() -> None:
    row = bills.stored(bills.record_of("plain"))
    row.cost_usd, row.cost_state, row.cost_reason = Decimal(1), "partial", GONE

    assert "reprice" not in "".join(explain(row).notes)


def test_a_price_row_that_became_another_models_is_not_the_one_that_was_meant() -> None:
    row = bills.stored(bills.record_of("plain"))
    with as_owner():
        row.price_id = Price.objects.get(model=HAIKU).id

    found = explain(row)

    assert found.total == found.cost_usd


def test_the_lines_of_a_batch_are_those_of_its_shares() -> None:
    people.take_in(make_batch(batch_records.create(requests=4)))
    results = b"".join(
        (
            bills.answered(HAIKU, {"input_tokens": 100_001, "output_tokens": 10}),
            bills.answered(HAIKU, {"input_tokens": 5, "output_tokens": 10, "inference_geo": "us"}),
            bills.answered(SONNET, {"input_tokens": 7, "server_tool_use": {"web_search_requests": 2}}),
            bills.answered(OPUS, bills.CALL, **bills.REFUSED),
        )
    )
    row = bills.stored(batch_records.fetch(results))

    found = explain(row)

    assert found.total == found.cost_usd
    assert found.cost_state == "exact"
    assert {Factor("batch", Decimal("0.5")) in line.factors for line in found.lines} == {True, False}
    assert {line.over_tokens for line in found.lines if line.model == HAIKU} == {0, 100_000}
    assert {billed.model for billed in found.billed} == {"(several)", HAIKU, SONNET, OPUS}


def test_a_batch_that_was_counted_before_names_the_request_that_counted_it() -> None:
    people.take_in(make_batch(batch_records.create(requests=1)))
    line = bills.answered(OPUS, bills.CALL)
    first = bills.stored(batch_records.fetch(line))
    second = bills.stored(batch_records.fetch(line))

    found = explain(second)

    assert message_batches.usage_of(second)
    assert found.notes == (
        f"Request {first.id} counted the results of this batch before, and nothing of them counts twice.",
    )
    assert (found.lines, found.billed) == ((), ())


def test_a_model_without_a_price_is_named_with_what_to_do() -> None:
    found = explain(bills.stored(bills.record("claude-next-9", bills.CALL)))

    assert found.cost_state == "unpriced"
    assert found.reasons == ("claude-next-9 has no price",)
    assert "add the missing price in the admin" in found.notes[0]
    assert found.lines == ()


NOTHING = [
    ({"outcome": "refused", "status": 401}, {}, "Nexus refused it, so upstream never saw it."),
    ({"outcome": "upstream_error", "status": 529}, {}, "Upstream answered with an error, which is not billed."),
    ({}, {"target": "/v1/messages/count_tokens"}, "A request of this type (count tokens) is not billed."),
    ({}, {"target": "/v1/messages/batches"}, "A batch is billed when its results are fetched."),
    ({"outcome": "upstream_cut", "status": 0}, {"target": "/v1/models"}, "No answer came."),
]  # fmt: skip


@pytest.mark.parametrize(("closing", "head", "sentence"), NOTHING)
def test_what_costs_nothing_says_why(
    closing: dict[str, object], head: dict[str, object], sentence: str
) -> None:
    record = make_record(b"{}", b"{}", closing=make_closing(**closing), head=make_head(**head))

    found = explain(bills.stored(record))

    assert (found.cost_state, found.notes, found.billed) == ("none", (sentence,), ())


def test_an_answer_that_used_nothing_says_so() -> None:
    found = explain(bills.stored(bills.record(OPUS, {"input_tokens": 0, "output_tokens": 0})))

    assert found.notes == ("Upstream reported that no tokens were used.",)


def test_a_cut_answer_without_a_usage_says_what_did_not_arrive() -> None:
    record = make_record(response=b"", closing=make_closing(outcome="client_left", status=200))

    found = explain(bills.stored(record))

    assert found.cost_usd is None
    assert found.reasons == ("the answer's usage did not arrive or cannot be read",)


def test_secrets_in_names_are_masked() -> None:
    secret = "sk-ant-api03-abcdefghijklmnop"
    found = explain(bills.stored(bills.record(f"m {secret}", bills.CALL | {secret: 1})))

    assert "abcdefghijklmnop" not in repr(found)
    assert "****" in found.model


def test_a_row_from_elsewhere_that_names_no_price_is_explained_by_those_of_here() -> None:
    row = bills.stored(bills.record_of("plain"))
    row.price_id = None

    assert explain(row).total == row.cost_usd


def test_it_reads_any_row_that_there_may_be() -> None:
    odd = Exchange(
        id=uuid7(), started_at=datetime(2026, 11, 1, tzinfo=UTC), model="", request_type="batch", cost_state="exact",
        cost_usd=Decimal(1), usage={"batch": {"id": 7}}, status=200, outcome="complete", duration_ms=1,
    )  # fmt: skip

    assert "not to the stored USD 1: " in explain(odd).notes[0]
