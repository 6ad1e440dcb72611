"""Exchanges that an earlier version priced: which are computed again, from what, and what is said of those that cannot be."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import DomainTotal, Exchange, ExchangeBody, Price, Repricing, Rollup
from proxy.store.pricing import costs, pending
from proxy.store.rebuilding import rollups as rebuild
from tests.roles import OWNER
from tests.store.batch_records import create, fetch
from tests.store.records import MODEL, ask, make_batch, make_record, say
from tests.wire.batch_files import answered, usage

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER), pytest.mark.usefixtures("prices")]

OPUS, OTHER = "claude-opus-5-5", "claude-fable-5-2"


def taken(response: bytes, request: bytes | None = None) -> Exchange:
    record = make_record(request or ask(model=OPUS), response)
    ingest.ingest(make_batch(record))
    return Exchange.objects.get(pk=record.head.id)


def as_0_1_0(row: Exchange, cost: str, state: str = "exact", **more: Any) -> None:
    """The row as 0.1.0 wrote it, with its sums: the columns of later rules are what their migration left."""
    fresh: dict[str, Any] = dict.fromkeys(
        ("billed", "attempts", "stop_details", "estimated_usd", "thinking_tokens", "max_tokens")
    )
    fresh |= dict.fromkeys(("cost_reason", "speed", "inference_geo", "service_tier", "fallback_from"), "")
    Exchange.objects.filter(pk=row.pk).update(
        price_rule=0, cost_usd=Decimal(cost), cost_state=state, **fresh | more
    )
    rebuild.rebuild(rebuild.Asked())


def now(row: Exchange) -> tuple[Decimal | None, str, int]:
    row.refresh_from_db()
    return row.cost_usd, row.cost_state, row.price_rule


def test_a_fast_answer_that_was_billed_at_half_is_mended_without_its_body() -> None:
    row = taken(say(model=OPUS, usage={"input_tokens": 1_000_000, "speed": "fast"}))
    as_0_1_0(row, "4")
    ExchangeBody.objects.all().delete()
    assert pending.pending().older_rule

    done = reprice.reprice(reprice.Asked())

    assert now(row) == (Decimal(8), "exact", costs.RULE)
    assert (row.speed, done.models) == ("fast", {OPUS: [Decimal(4), Decimal(8)]})
    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()
    assert Rollup.objects.get().cost_usd == DomainTotal.objects.get().cost_usd == 8
    assert not pending.pending()


REFUSED = say(model=OPUS, usage={"input_tokens": 1_000_000}, content=[], stop_reason="refusal")


def test_a_free_refusal_is_found_in_its_body() -> None:
    row = taken(REFUSED, ask(model=OPUS, max_tokens=9))
    as_0_1_0(row, "4")

    reprice.reprice(reprice.Asked())

    assert now(row) == (Decimal(0), "exact", costs.RULE)
    assert (row.attempts, row.max_tokens) == ({"refusal": "null"}, 9)
    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()


def test_without_its_body_a_refusal_keeps_its_cost_and_says_why_it_is_not_exact() -> None:
    row = taken(REFUSED)
    as_0_1_0(row, "4")
    ExchangeBody.objects.all().delete()

    reprice.reprice(reprice.Asked())

    assert now(row) == (Decimal(4), "partial", costs.RULE)
    assert "bodies are no longer stored" in row.cost_reason
    assert Rollup.objects.get().partial == 1
    assert reprice.reprice(reprice.Asked()).seen == 0


def test_a_declined_attempt_is_found_in_its_body() -> None:
    block = {
        "type": "fallback",
        "from": {"model": OTHER},
        "to": {"model": OPUS},
        "trigger": {"category": "cyber"},
    }
    iterations = [
        {"type": "message", "model": OTHER, "input_tokens": 5, "output_tokens": 0},
        {"type": "fallback_message", "model": OPUS, "input_tokens": 1_000_000, "output_tokens": 0},
    ]
    reported = {"input_tokens": 1_000_000, "output_tokens": 0, "iterations": iterations}
    row = taken(say(model=OPUS, usage=reported, content=[block]), ask(model=OTHER))
    as_0_1_0(row, "9")

    reprice.reprice(reprice.Asked())

    assert now(row) == (Decimal(4), "exact", costs.RULE)
    assert [billed.model for billed in costs.billed_of(row)] == [OPUS, OTHER]
    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()


def test_what_was_summed_up_by_the_model_that_was_asked_moves_to_the_one_that_billed() -> None:
    row = taken(say(model=OPUS, usage={"input_tokens": 1_000_000}), ask(model="best"))
    as_0_1_0(row, "4")
    assert [item.model for item in Rollup.objects.all()] == ["best"]

    reprice.reprice(reprice.Asked())

    assert [item.model for item in Rollup.objects.exclude(requests=0)] == [OPUS]
    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()
    assert [item.model for item in Rollup.objects.all()] == [OPUS]


def batch(results: bytes) -> Exchange:
    records = [create(requests=1), fetch(results)]
    for record in records:
        ingest.ingest(make_batch(record))
    row = Exchange.objects.get(pk=records[1].head.id)
    old: Any = row.usage
    for name in ("thresholds", "reasons"):
        old["batch"]["results"].pop(name)
    for share in old["batch"]["results"]["shares"]:
        share.pop("over_tokens", None)
    as_0_1_0(row, "0.005", usage=old)
    return row


def test_a_batch_is_counted_again_from_its_results() -> None:
    row = batch(answered("claude-haiku-5-5", usage(100_001, 0)))

    reprice.reprice(reprice.Asked())

    # Half of the upper band.
    assert now(row) == (Decimal("0.02500025"), "exact", costs.RULE)
    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()


def test_a_batch_whose_results_are_gone_keeps_its_cost_as_partial() -> None:
    row = batch(answered("claude-haiku-5-5", usage(100_001, 0)))
    ExchangeBody.objects.all().delete()

    reprice.reprice(reprice.Asked())

    assert now(row) == (Decimal("0.005"), "partial", costs.RULE)
    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()


def test_a_fetch_that_counted_nothing_goes_on_counting_nothing() -> None:
    record = fetch(b"broken")
    ingest.ingest(make_batch(record))
    Exchange.objects.update(price_rule=0)

    reprice.reprice(reprice.Asked())

    assert now(Exchange.objects.get()) == (None, "partial", costs.RULE)


def change_price(model: str = MODEL, **values: Any) -> None:
    price = Price.objects.found().filter(model=model).latest("valid_from")
    for name, value in values.items():
        setattr(price, name, value)
    price.save()


def test_a_changed_price_is_taken_by_default_and_then_no_more() -> None:
    row = taken(say(usage={"input_tokens": 1_000_000}))
    other = taken(say(model=OPUS, usage={"input_tokens": 1_000_000}))
    assert not pending.pending()
    change_price(input=30)
    assert pending.pending().models == (MODEL,)
    assert MODEL in pending.pending().words

    done = reprice.reprice(reprice.Asked())

    assert (done.seen, now(row)[0], now(other)[0]) == (1, Decimal(30), Decimal(4))
    assert not pending.pending()
    assert reprice.reprice(reprice.Asked()).seen == 0


def test_a_price_that_nobody_was_billed_by_changes_nothing() -> None:
    taken(say())

    change_price(OPUS, input=30)

    assert not pending.pending()


def test_a_withdrawn_price_is_a_changed_one() -> None:
    row = taken(say(usage={"input_tokens": 1_000_000}))
    for price in Price.objects.filter(model=MODEL):
        price.withdraw()

    reprice.reprice(reprice.Asked())

    assert now(row)[:2] == (None, "unpriced")
    assert row.estimated_usd == 3


def test_an_interrupted_run_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [taken(say(model=OPUS, usage={"input_tokens": 1_000_000})) for _ in range(3)]
    for row in rows:
        as_0_1_0(row, "1")
    before = Repricing.objects.count()

    def stop(seen: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(reprice, "_BATCH", 2)
    with pytest.raises(KeyboardInterrupt):
        reprice.reprice(reprice.Asked(), stop)

    assert Repricing.objects.count() == before
    assert sorted(now(row)[2] for row in rows) == [0, costs.RULE, costs.RULE]
    assert reprice.reprice(reprice.Asked()).seen == 1
    assert DomainTotal.objects.get().cost_usd == 12


@pytest.mark.parametrize(
    "part", [{"model": OPUS}, {"since": timezone.now()}, {"unpriced": True}, {"dry_run": True}]
)
def test_a_part_or_a_dry_run_leaves_the_rest_to_be_done(part: dict[str, Any]) -> None:
    row = taken(say(model=OPUS))
    as_0_1_0(row, "1")
    before = Repricing.objects.count()

    reprice.reprice(reprice.Asked(**part))

    assert Repricing.objects.count() == before
