"""A model without a price is noted once, over all batches and workers."""

from datetime import timedelta
from typing import Any

import pytest

from proxy.store.announce import Stored
from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import Exchange, Price, UnpricedModel
from proxy.store.pricing import book as prices
from proxy.store.pricing.book import CachedBook
from tests import people
from tests.roles import as_owner
from tests.store.records import NOON, ask, make_batch, make_head, make_record, say

pytestmark = pytest.mark.django_db
NEW = "claude-next-1"


@pytest.fixture
def reported(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The models that were announced."""
    found: list[str] = []

    def listen(stored: list[Stored]) -> None:
        found.extend(row.unpriced_model for row in stored if row.unpriced_model)

    monkeypatch.setattr(ingest, "announce", listen)
    return found


def answered_by(*models: str, minutes: int = 0, **more: Any) -> None:
    records = [
        make_record(
            ask(model="fast"), say(model=model, **more), head=make_head(NOON + timedelta(minutes=minutes))
        )
        for model in models
    ]
    ingest.ingest(make_batch(*records))


def test_it_is_told_once_whatever_comes_later(reported: list[str], prices: None) -> None:
    answered_by(NEW, NEW, "claude-haiku-4-5")
    answered_by(NEW, "claude-next-2", minutes=5)

    assert reported == [NEW, "claude-next-2"]
    assert dict(UnpricedModel.objects.values_list("model", "first_seen")) == {
        NEW: NOON,
        "claude-next-2": NOON + timedelta(minutes=5),
    }


def test_a_batch_that_comes_twice_tells_once(reported: list[str]) -> None:
    batch = make_batch(make_record(response=say(model=NEW)))

    ingest.ingest(batch)
    ingest.ingest(batch)

    assert reported == [NEW]


def test_the_first_exchange_is_named() -> None:
    late, early = (
        make_record(response=say(model=NEW), head=make_head(NOON - timedelta(minutes=n))) for n in (1, 2)
    )

    ingest.ingest(make_batch(late, early))

    assert str(UnpricedModel.objects.get().exchange_id) == early.head.id


def test_the_model_of_an_iteration_is_the_one_that_is_named(reported: list[str], prices: None) -> None:
    usage = {"input_tokens": 1, "iterations": [{"model": NEW, "input_tokens": 1}]}

    answered_by("claude-haiku-4-5", usage=usage)

    assert reported == [NEW]


def test_a_name_of_any_length_and_content_is_noted(reported: list[str]) -> None:
    answered_by("m\x00" + "x" * 500, "")

    assert sorted(len(model) for model in reported) == [4, 120]


def test_one_that_was_priced_is_told_again_when_it_lacks_a_price_anew(
    reported: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered_by(NEW)
    people.make_price(NEW)
    with as_owner():
        reprice.reprice(reprice.Asked())
        Price.objects.all().delete()
    monkeypatch.setattr(ingest, "_prices", CachedBook())

    answered_by(NEW, minutes=1)
    answered_by(NEW, minutes=2)

    assert reported == [NEW, NEW]
    assert UnpricedModel.objects.get().first_seen == NOON + timedelta(minutes=1)


def test_a_worker_that_has_not_read_a_new_price_yet_tells_nothing(reported: list[str]) -> None:
    answered_by("claude-other")
    people.make_price(NEW)

    answered_by(NEW)

    assert reported == ["claude-other"]
    assert Exchange.objects.filter(cost_state="unpriced").count() == 2


def test_a_price_whose_name_only_begins_alike_is_none(reported: list[str]) -> None:
    people.make_price("claude-next")

    answered_by(NEW)

    assert reported == [NEW]
    assert prices.book().find(NEW, NOON) is None
