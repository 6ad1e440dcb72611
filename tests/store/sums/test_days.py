"""Days are the sums of their hours, whoever changes those."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.db.models import F, Sum

from proxy.histograms import HISTOGRAMS
from proxy.record import Batch
from proxy.store.ingest import batch as ingest
from proxy.store.models import Counters, DayRollup, Rollup
from tests import people
from tests.roles import as_owner
from tests.store.ingest.test_races import ingesting, run_at_once
from tests.store.records import ask, make_batch, make_closing, make_head, make_record

SUMS = [field.attname for field in Counters._meta.get_fields() if field.concrete]
BUCKETS = [f"{histogram.name}__{place}" for histogram in HISTOGRAMS for place in range(histogram.buckets)]
KEY = ("domain", "account", "model", "request_type")
LATE = datetime(2026, 11, 20, 23, 59, tzinfo=UTC)


@as_owner()
def days() -> list[tuple[object, ...]]:
    kept = DayRollup.objects.filter(requests__gt=0)
    return sorted(kept.values_list("day", *KEY, *SUMS, *BUCKETS), key=repr)


def summed_hours() -> list[tuple[object, ...]]:
    rows = Rollup.objects.values_list("hour__date", *KEY).annotate(
        **{f"all_{item}": Sum(item) for item in (*SUMS, *BUCKETS)}
    )
    return sorted(rows, key=repr)


@pytest.mark.django_db
def test_what_ingest_adds_to_hours_is_added_to_their_days(prices: None) -> None:
    changes: list[dict[str, object]] = [{}, {"domain": "b.example"}, {"account": "other"}]
    for hours in (0, 1, 1, 30):
        head = [make_head(LATE + timedelta(hours=hours), **change) for change in changes]
        records = [make_record(head=item, serial=n) for n, item in enumerate(head, 1)]
        failed = make_record(ask(model="x"), b"", closing=make_closing(outcome="upstream_cut"), serial=9)
        ingest.ingest(make_batch(*records, failed))

    assert len(days()) >= 9
    assert days() == summed_hours()


@pytest.mark.django_db
def test_an_hour_that_is_corrected_corrects_its_day() -> None:
    people.make_exchange(at=LATE)
    people.make_exchange(at=LATE - timedelta(hours=3))
    first, second = Rollup.objects.order_by("hour")

    Rollup.objects.filter(pk=second.pk).update(cost_usd=F("cost_usd") - 1, output_tokens=7)
    assert days() == summed_hours()

    Rollup.objects.filter(pk=first.pk).update(hour=first.hour - timedelta(days=4), model="another")
    assert days() == summed_hours()

    with as_owner():
        Rollup.objects.all().delete()
    assert days() == summed_hours() == []


@pytest.fixture
def _slow_upserts(transactional_db: None) -> Iterator[None]:
    """Between what an upsert updates and what it inserts, time passes: long enough for another one to get there too."""
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(
            "CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.5); RETURN NULL; END $$;"
            "CREATE TRIGGER pause AFTER UPDATE ON proxy_rollup FOR EACH STATEMENT EXECUTE FUNCTION pause()"
        )
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER pause ON proxy_rollup; DROP FUNCTION pause()")


@pytest.mark.usefixtures("_slow_upserts")
def test_hours_of_one_day_that_are_written_in_opposite_orders_wait_for_each_other() -> None:
    """One batch makes a's hour and adds to b's, the other one makes b's and adds to a's: their rows of the day are the same."""
    noon, only = LATE.replace(hour=12), LATE.replace(hour=13)
    ingest.ingest(batch(("b.example", noon), ("a.example", only)))
    both = [batch(("a.example", moment), ("b.example", moment)) for moment in (noon, only)]

    assert run_at_once([ingesting(part) for part in both]) == [2, 2]

    assert days() == summed_hours()


def batch(*asked: tuple[str, datetime]) -> Batch:
    heads = [make_head(moment, domain=domain) for domain, moment in asked]
    return make_batch(*(make_record(serial=serial, head=head) for serial, head in enumerate(heads, 1)))
