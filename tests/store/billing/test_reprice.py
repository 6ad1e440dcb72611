"""Costs that are computed again, and the sums that move with them."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import DomainTotal, Exchange, Price, Rollup, UnpricedModel
from proxy.store.rebuilding import rollups as rebuild
from tests import people
from tests.roles import OWNER
from tests.store.random_traffic import rollups, totals
from tests.store.records import (
    MODEL,
    NOON,
    SSE,
    ask,
    make_batch,
    make_closing,
    make_head,
    make_record,
    say,
    start,
    stream,
)

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]
NEW = "claude-next-1"


def take_in(model: str = NEW, asked: str = "fast", moment: datetime = NOON, **more: Any) -> Exchange:
    record = make_record(ask(model=asked), say(model=model, **more), head=make_head(moment))
    ingest.ingest(make_batch(record))
    return Exchange.objects.get(id=record.head.id)


def costs() -> list[tuple[Decimal | None, str]]:
    return list(Exchange.objects.order_by("id").values_list("cost_usd", "cost_state"))


def test_the_model_that_answered_is_priced_and_not_the_alias_that_was_asked() -> None:
    take_in()
    people.make_price("fast")
    reprice.reprice(reprice.Asked())
    assert costs() == [(None, "unpriced")]
    price = people.make_price(NEW)

    done = reprice.reprice(reprice.Asked())

    row = Exchange.objects.get()
    assert (row.cost_usd, row.cost_state, row.price_id) == (Decimal("0.000105"), "exact", price.pk)
    assert (done.seen, done.changed, done.cost_usd) == (1, 1, Decimal("0.000105"))


def test_a_rebuild_finds_nothing_after_it(prices: None) -> None:
    for hour in range(3):
        take_in(moment=NOON + timedelta(hours=hour))
        take_in(MODEL, MODEL, moment=NOON + timedelta(hours=hour))
    people.make_price(NEW)

    reprice.reprice(reprice.Asked())

    assert rebuild.rebuild(rebuild.Asked()) == rebuild.Rebuilt()
    total = DomainTotal.objects.get()
    assert (total.cost_usd, total.unpriced) == (Decimal("0.00063"), 0)


def cut_stream() -> None:
    body = stream(
        start(input_tokens=1000, output_tokens=1)
        | {"message": {"id": "m", "model": NEW, "usage": {"input_tokens": 1000}}}
    )
    closing = make_closing(headers=SSE, outcome="client_left")
    ingest.ingest(make_batch(make_record(ask(model=NEW), body, closing=closing)))


def test_partial_stays_partial() -> None:
    cut_stream()
    assert costs() == [(None, "unpriced")]
    people.make_price(NEW)

    reprice.reprice(reprice.Asked())
    assert costs() == [(Decimal("0.003"), "partial")]
    Price.objects.update(input=6)
    reprice.reprice(reprice.Asked(everything=True))

    assert costs() == [(Decimal("0.006"), "partial")]
    total = DomainTotal.objects.get()
    assert (total.partial, total.unpriced, total.cost_usd) == (1, 0, Decimal("0.006"))


def test_a_corrected_price_counts_only_when_all_are_asked_for(prices: None) -> None:
    take_in(MODEL)
    Price.objects.filter(model=MODEL).update(input=30, output=0)

    assert reprice.reprice(reprice.Asked()).seen == 0
    assert costs() == [(Decimal("0.000105"), "exact")]
    reprice.reprice(reprice.Asked(everything=True))

    assert costs() == [(Decimal("0.0003"), "exact")]
    assert Rollup.objects.get().cost_usd == DomainTotal.objects.get().cost_usd == Decimal("0.0003")


def test_a_price_that_was_taken_away_leaves_no_cost_behind(prices: None) -> None:
    take_in(MODEL)
    Price.objects.all().delete()

    done = reprice.reprice(reprice.Asked(everything=True))

    row = Exchange.objects.get()
    assert (row.cost_usd, row.cost_state, row.price_id) == (None, "unpriced", None)
    assert done.still_unpriced == {MODEL: 1}
    assert (Rollup.objects.get().cost_usd, Rollup.objects.get().unpriced) == (Decimal(0), 1)


def test_only_what_was_asked_for_is_computed() -> None:
    hours = [NOON + timedelta(hours=number) for number in range(4)]
    for moment in hours:
        take_in(f"{NEW}-20270101", moment=moment)
        take_in(f"{NEW}0", moment=moment)
    for model in (NEW, f"{NEW}0"):
        people.make_price(model)

    done = reprice.reprice(reprice.Asked(hours[1], hours[3], NEW))

    priced = Exchange.objects.filter(cost_state="exact")
    assert (done.seen, done.changed) == (2, 2)
    assert sorted(priced.values_list("started_at", "answered_model")) == [
        (moment, f"{NEW}-20270101") for moment in hours[1:3]
    ]


def test_a_dry_run_changes_nothing(prices: None) -> None:
    take_in()
    people.make_price(NEW)
    before = costs(), rollups(), totals()

    done = reprice.reprice(reprice.Asked(dry_run=True))

    assert (costs(), rollups(), totals()) == before
    assert (done.changed, done.cost_usd, done.closed) == (1, Decimal("0.000105"), [])


def test_many_batches_of_rows_are_all_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reprice, "_BATCH", 2)
    for number in range(5):
        take_in(moment=NOON + timedelta(days=number - 30))
    people.make_price(NEW)

    done = reprice.reprice(reprice.Asked())

    assert (done.seen, done.changed, {state for _, state in costs()}) == (5, 5, {"exact"})


def test_a_model_is_settled_when_its_price_holds_at_its_first_exchange() -> None:
    take_in()
    ended = people.make_price(NEW)
    Price.objects.filter(pk=ended.pk).update(valid_to=NOON - timedelta(days=1))
    assert reprice.reprice(reprice.Asked()).still_unpriced == {NEW: 1}
    assert UnpricedModel.objects.get().closed_at is None
    Price.objects.filter(pk=ended.pk).update(valid_to=None)

    done = reprice.reprice(reprice.Asked())

    assert done.closed == [NEW]
    assert UnpricedModel.objects.get().closed_at is not None
