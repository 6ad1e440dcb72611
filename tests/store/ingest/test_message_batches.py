"""A batch's results count once, under the domain that created it."""

import base64
import gzip
import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pytest_django import Settings

from proxy.record import Record
from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import message_batches
from proxy.store.models import DeadLetter, DomainTotal, Exchange, MessageBatch, Price, Rollup, UnpricedModel
from proxy.store.pricing import costs
from tests import recordings
from tests.roles import as_owner
from tests.store.batch_records import BATCH, JSONL, create, fetch
from tests.store.records import NOON, make_batch, make_closing
from tests.wire.batch_files import SEVERAL_MODELS, answered, failed, usage

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]
LATER = NOON + timedelta(hours=3)
# Half of the tokens' prices, in USD per million, and two searches at 10 per thousand:
SONNET = (1_000 * Decimal(3) + 300 * Decimal(15) + 500 * Decimal("3.75")) / 2
OPUS = (
    28 * Decimal(5) + 702 * Decimal(25) + 4_000 * Decimal("0.5") + Decimal("6.25") + 3_000 * Decimal(10)
) / 2
HAIKU = (100 * Decimal(1) + 10 * Decimal(5)) / 2
SEVERAL_COST = (SONNET + OPUS + HAIKU) / 1_000_000 + Decimal("0.02")
ONE = answered("claude-haiku-4-5-20251001", usage(1_000, 200))
ONE_COST = Decimal("0.001")


def store(*records: Record) -> list[Exchange]:
    """The rows of these records, which came one after the other."""
    for record in records:
        ingest.ingest(make_batch(record))
    return [Exchange.objects.get(pk=record.head.id) for record in records]


def sums() -> dict[str, tuple[Decimal, int, int, int]]:
    columns = ("domain", "cost_usd", "output_tokens", "partial", "unpriced")
    return {domain: tuple(rest) for domain, *rest in DomainTotal.objects.values_list(*columns)}


def test_a_batch_of_several_models_costs_exactly_what_the_invoice_says() -> None:
    created, fetched = store(create(), fetch(SEVERAL_MODELS, moment=LATER))

    assert (created.cost_state, created.cost_usd, created.request_type) == ("none", None, "batch")
    assert (
        (fetched.cost_usd, fetched.cost_state) == (SEVERAL_COST, "exact") == (Decimal("0.049610625"), "exact")
    )
    assert (fetched.model, fetched.price_id, fetched.counts_as) == ("(several)", None, "")
    assert (fetched.input_tokens, fetched.output_tokens) == (1_121, 1_011)
    assert (fetched.cache_read_tokens, fetched.cache_write_tokens) == (4_000, 3_501)
    assert sums() == {"a.example": (SEVERAL_COST, 1_012, 0, 0)}


def test_the_row_tells_what_each_model_cost() -> None:
    _, fetched = store(create(), fetch(SEVERAL_MODELS))

    found = message_batches.usage_of(fetched)

    assert found
    assert (found.id, found.requests, found.priced_at, found.counted_by) == (BATCH, 6, NOON, None)
    assert found.results.types == {"succeeded": 4, "errored": 1, "expired": 1}
    assert [(share.model, share.answers, share.cost_usd) for share in found.results.shares] == [
        ("claude-haiku-4-5", 1, HAIKU / 1_000_000),
        ("claude-opus-4-5", 2, OPUS / 1_000_000),
        ("claude-sonnet-4-5-20250929", 1, SONNET / 1_000_000 + Decimal("0.02")),
    ]


def test_a_batch_of_one_model_names_it_and_its_price() -> None:
    _, fetched = store(create(requests=2), fetch(ONE + failed()))

    assert (fetched.model, fetched.cost_usd, fetched.cost_state) == (
        "claude-haiku-4-5-20251001",
        ONE_COST,
        "exact",
    )
    assert Price.objects.found().get(model="claude-haiku-4-5").pk == fetched.price_id
    assert Rollup.objects.get(model=fetched.model).cost_usd == ONE_COST


def test_results_without_any_answer_cost_nothing_exactly() -> None:
    _, fetched = store(create(requests=2), fetch(failed() + failed("canceled")))

    assert (fetched.cost_usd, fetched.cost_state, fetched.model) == (Decimal(0), "exact", "")


def test_results_count_once_however_often_they_are_fetched() -> None:
    _, first, second, third = store(create(), *(fetch(SEVERAL_MODELS) for _ in range(3)))

    assert first.cost_state == "exact"
    for again in (second, third):
        assert (again.cost_state, again.cost_usd, again.output_tokens) == ("none", None, None)
        assert (found := message_batches.usage_of(again))
        assert found.counted_by == first.id
    assert sums() == {"a.example": (SEVERAL_COST, 1_012, 0, 0)}
    assert MessageBatch.objects.get().counted_by == first.id


def test_a_whole_life_in_one_shipment_counts_once() -> None:
    records = [fetch(ONE), create(requests=1, domain="b.example"), fetch(ONE, moment=LATER)]

    assert [ingest.ingest(make_batch(*records)) for _ in range(2)] == [3, 0]

    assert sums()["b.example"][:2] == (ONE_COST, 200)


def test_results_count_under_the_domain_that_created_the_batch() -> None:
    _, fetched = store(create(domain="a.example"), fetch(SEVERAL_MODELS, domain="b.example"))

    assert (fetched.domain, fetched.counts_as) == ("b.example", "a.example")
    assert sums() == {"a.example": (SEVERAL_COST, 1_012, 0, 0)}
    assert MessageBatch.objects.get().domain == "a.example"


def test_results_of_a_batch_that_nobody_knows_count_under_the_domain_that_fetched_them() -> None:
    [fetched] = store(fetch(ONE, domain="b.example"))

    batch = MessageBatch.objects.get()
    assert (fetched.counts_as, fetched.cost_state) == ("", "exact")
    assert (batch.domain, batch.created_by, batch.created_at) == ("b.example", None, NOON)
    assert sums() == {"b.example": (ONE_COST, 200, 0, 0)}


def test_a_creation_that_is_stored_after_its_results_is_filled_in_and_moves_nothing() -> None:
    fetched, created = store(
        fetch(ONE, domain="b.example", moment=LATER), create(domain="a.example", account="other")
    )
    [again] = store(fetch(ONE, domain="a.example"))

    batch = MessageBatch.objects.get()
    assert (batch.domain, batch.account, batch.created_by) == ("a.example", "other", created.id)
    assert (batch.created_at, batch.counted_by) == (NOON, fetched.id)
    assert again.cost_state == "none"
    assert sums()["b.example"][:2] == (ONE_COST, 200)


def test_a_creation_that_comes_twice_belongs_to_the_first() -> None:
    store(create(domain="a.example"), create(domain="b.example"))

    assert MessageBatch.objects.get().domain == "a.example"


@pytest.mark.parametrize(
    "closing",
    [
        {"outcome": "client_left"},
        {"outcome": "upstream_cut"},
        {"outcome": "aborted"},
        {"status": 206},
        {"response_dropped": True, "response_size": 200_000_000},
    ],
)
def test_results_that_were_cut_count_nothing_and_the_whole_ones_count_after_them(
    closing: dict[str, Any],
) -> None:
    body = b"" if closing.get("response_dropped") else SEVERAL_MODELS[:-30]

    _, cut, whole = store(create(), fetch(body, closing=closing), fetch(SEVERAL_MODELS))

    assert (cut.cost_state, cut.cost_usd, cut.output_tokens) == ("partial", None, None)
    assert (found := message_batches.usage_of(cut))
    assert (found.priced_at, found.counted_by) == (None, None)
    assert (whole.cost_state, whole.cost_usd) == ("exact", SEVERAL_COST)
    assert sums() == {"a.example": (SEVERAL_COST, 1_012, 1, 0)}


@pytest.mark.parametrize("body", [SEVERAL_MODELS[:-30], b"<html>gateway</html>\n", b""])
def test_results_that_end_well_but_cannot_be_read_count_nothing(body: bytes) -> None:
    _, broken, whole = store(create(), fetch(body), fetch(SEVERAL_MODELS))

    assert (broken.cost_state, broken.cost_usd) == ("partial", None)
    assert whole.cost_usd == SEVERAL_COST


def test_results_that_were_cut_after_the_batch_was_counted_miss_nothing() -> None:
    _, whole, cut = store(create(), fetch(ONE), fetch(ONE[:50], closing={"outcome": "client_left"}))

    assert cut.cost_state == "none"
    assert (found := message_batches.usage_of(cut))
    assert found.counted_by == whole.id


def test_results_with_lines_that_cannot_be_read_count_as_partial() -> None:
    _, fetched = store(create(requests=2), fetch(b"broken\n" + ONE))

    assert (fetched.cost_usd, fetched.cost_state) == (ONE_COST, "partial")


def test_fewer_results_than_requests_count_as_partial() -> None:
    _, fetched = store(create(requests=2), fetch(ONE))

    assert (fetched.cost_usd, fetched.cost_state) == (ONE_COST, "partial")


def test_an_unpriced_model_makes_the_batch_unpriced_until_it_has_a_price() -> None:
    results = ONE + answered("claude-next-1", usage(10, 20))
    _, fetched = store(create(requests=2), fetch(results))
    assert (fetched.cost_state, fetched.cost_usd, fetched.output_tokens) == ("unpriced", None, 220)
    with as_owner():
        Price.objects.create(
            model="claude-next-1",
            valid_from=NOON,
            input=2,
            output=4,
            cache_read=0,
            cache_write_5m=0,
            cache_write_1h=0,
        )

    assert UnpricedModel.objects.get().model == "claude-next-1"

    with as_owner():
        done = reprice.reprice(reprice.Asked(model="claude-next-1"))

    fetched.refresh_from_db()
    found = message_batches.usage_of(fetched)
    assert found
    whole = ONE_COST + Decimal("0.00005")
    assert (fetched.cost_state, fetched.cost_usd) == ("exact", whole)
    assert sum(share.cost_usd or 0 for share in found.results.shares) == whole
    assert sum(DomainTotal.objects.values_list("cost_usd", flat=True)) == whole
    assert (done.changed, done.closed) == (1, ["claude-next-1"])


@pytest.mark.parametrize(
    ("created_at", "cost"),
    [("2026-10-06T23:59:59.9Z", "0.0001"), ("2026-10-07T00:00:00Z", "0.00005"), (None, "0.00005")],
)
def test_the_price_is_that_of_the_moment_when_the_batch_was_created(
    created_at: str | None, cost: str
) -> None:
    after = datetime(2026, 10, 7, 0, 0, 5, tzinfo=UTC)
    results = answered("claude-sonnet-5-5", usage(0, 0, cache_read_input_tokens=1_000))

    _, fetched = store(create(created_at=created_at, moment=after), fetch(results, moment=after))

    assert fetched.cost_usd == Decimal(cost)


def test_the_beta_address_counts_too() -> None:
    beta = f"/v1/messages/batches/{BATCH}/results?beta=true"

    _, fetched = store(create(requests=1, target="/v1/messages/batches?beta=true"), fetch(ONE, target=beta))

    assert (fetched.cost_usd, fetched.cost_state) == (ONE_COST, "exact")


def test_the_rows_alone_give_the_sums() -> None:
    cut: dict[str, object] = {"outcome": "client_left"}
    store(
        fetch(ONE, "unseen", domain="c.example"),
        create(),
        fetch(SEVERAL_MODELS[:700], domain="b.example", closing=cut),
        fetch(SEVERAL_MODELS, domain="b.example"),
        fetch(SEVERAL_MODELS, domain="c.example"),
    )

    found: dict[str, list[Decimal | int]] = {}
    for row in Exchange.objects.all():
        total = found.setdefault(row.counts_as or row.domain, [Decimal(0), 0, 0])
        total[0] += row.cost_usd or 0
        total[1] += sum(billed.tokens.output for billed in costs.billed_of(row))
        total[2] += row.cost_state == "partial"
    assert found == {domain: list(total[:3]) for domain, total in sums().items()}


def test_each_model_of_a_batch_is_summed_up_under_its_own_name() -> None:
    _, fetched = store(create(), fetch(SEVERAL_MODELS))

    rollups = {row.model: row for row in Rollup.objects.filter(request_type="batch")}

    assert {model: row.cost_usd for model, row in rollups.items()} == {
        "": 0,
        "(several)": 0,
        "claude-haiku-4-5": HAIKU / 1_000_000,
        "claude-opus-4-5": OPUS / 1_000_000,
        "claude-sonnet-4-5-20250929": SONNET / 1_000_000 + Decimal("0.02"),
    }
    assert {model: row.requests for model, row in rollups.items() if row.requests} == {"": 1, "(several)": 1}
    assert sum(billed.cost_usd for billed in costs.billed_of(fetched)) == fetched.cost_usd


def test_a_refused_fetch_is_no_fetch() -> None:
    error = b'{"type":"error","error":{"type":"not_found_error","message":"gone"}}'

    _, fetched = store(create(), fetch(error, closing={"status": 404, "outcome": "upstream_error"}))

    assert (fetched.cost_state, fetched.usage, fetched.error_type) == ("none", None, "not_found_error")
    assert MessageBatch.objects.get().counted_by is None


def test_coded_results_are_read_through_their_coding() -> None:
    headers = [*JSONL, ("content-encoding", "gzip")]

    _, fetched = store(create(requests=1), fetch(gzip.compress(ONE), closing={"headers": headers}))

    assert fetched.cost_usd == ONE_COST


def test_results_larger_than_any_other_answer_are_read() -> None:
    line = answered("claude-haiku-4-5", usage(10, 10), text="x" * 1_000_000)
    times = 70

    _, fetched = store(create(requests=times), fetch(line * times))

    assert (fetched.output_tokens, fetched.cost_state) == (10 * times, "exact")


def test_with_storage_off_a_batch_counts_once_too(settings: Settings) -> None:
    settings.STORAGE_ENABLED = False

    ingest.ingest(make_batch(create(requests=1), fetch(ONE, domain="b.example")))
    ingest.ingest(make_batch(fetch(ONE)))

    assert sums() == {"a.example": (ONE_COST, 200, 0, 0)}


def test_names_of_any_kind_and_length_are_stored() -> None:
    batch_id = "msgbatch_%00" + "x" * 400
    results = answered("m\x00\ud800" + "y" * 4_000, usage(1, 1))

    _, _, again = store(create(batch_id), fetch(results, batch_id), fetch(results, batch_id))

    assert not DeadLetter.objects.exists()
    assert again.cost_state == "none"


def test_a_usage_column_that_holds_something_else_tells_nothing() -> None:
    row = Exchange(request_type="batch", usage={"batch": {"id": 7}})

    assert message_batches.usage_of(row) is None
    assert message_batches.usage_of(Exchange(request_type="batch", usage=None)) is None


@pytest.mark.skipif(not recordings.FILES, reason=recordings.MISSING)
def test_a_recorded_batch_is_counted() -> None:
    found = [json.loads(path.read_text()) for path in recordings.FILES if "--batch-with-" in path.stem]
    bodies = [base64.b64decode(item["response"]["body_b64"]) for item in found]
    batch_id = "msgbatch_01GUqGVJfUzZfBnjRymfPdV3"
    created = create(batch_id)
    headers = list(found[2]["response"]["headers"].items())
    recorded = Record(2, created.head, make_closing(), created.request_body, bodies[0])

    _, fetched = store(recorded, fetch(bodies[2], batch_id, closing={"headers": headers}))

    assert (fetched.cost_usd, fetched.cost_state) == (Decimal("0.000042"), "exact")
    assert fetched.model == "claude-haiku-4-5-20251001"
