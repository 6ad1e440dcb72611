"""Batches that race, on real transactions."""

import random
from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import connection, connections

from proxy.record import Batch
from proxy.store.ingest import batch as ingest
from proxy.store.models import Blob, DeadLetter, DomainTotal, Exchange, MessageBatch, Rollup, Spool
from tests.roles import as_owner
from tests.store.batch_records import create, fetch
from tests.store.records import ask, make_batch, make_head, make_record, uuid7
from tests.wire.batch_files import SEVERAL_MODELS

pytestmark = pytest.mark.django_db(transaction=True)


def run_at_once(jobs: list[Callable[[], int]]) -> list[int]:
    barrier = Barrier(len(jobs))
    results: list[int] = []

    def run(job: Callable[[], int]) -> None:
        barrier.wait()
        try:
            results.append(job())
        finally:
            connections.close_all()

    threads = [Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def ingesting(*batches: Batch) -> Callable[[], int]:
    return lambda: sum(map(ingest.ingest, batches))


def test_two_batches_with_the_same_records_in_opposite_order_count_them_once() -> None:
    records = [
        make_record(
            ask(f"question {number % 7}"), serial=number, head=make_head(domain=f"{number % 5}.example")
        )
        for number in range(60)
    ]
    spool = str(uuid7())
    batches = [make_batch(*records, spool=spool), make_batch(*reversed(records), spool=spool)]

    results = run_at_once([ingesting(batch) for batch in batches])

    assert sorted(results) == [0, 60]
    assert Exchange.objects.count() == 60
    assert sum(DomainTotal.objects.values_list("requests", flat=True)) == 60
    assert Spool.objects.get().stored == 60


def test_batches_that_share_bodies_and_rollups_wait_for_each_other_without_deadlock() -> None:
    questions = [f"question {number}" for number in range(10)]
    orders = [questions, questions[::-1], questions[5:] + questions[:5], questions[4::-1] + questions[:4:-1]]
    batches = [make_batch(*(make_record(ask(question)) for question in order)) for order in orders]

    results = run_at_once([ingesting(batch) for batch in batches])

    assert sum(results) == Exchange.objects.count() == Rollup.objects.get().requests == 40
    assert Blob.objects.count() == 11


def test_workers_that_need_the_same_new_month_both_get_it() -> None:
    with as_owner(), connection.cursor() as cursor:
        for parent in ("receipt", "exchange", "exchangebody", "blob"):
            cursor.execute(f"DROP TABLE IF EXISTS proxy_{parent}_2026_11")

    results = run_at_once([ingesting(make_batch(make_record())) for _ in range(4)])

    assert results == [1, 1, 1, 1]


@pytest.mark.parametrize("attempt", range(5))
@pytest.mark.parametrize("known", [True, False])
def test_of_workers_that_store_the_same_results_at_once_one_counts_them(
    prices: None, known: bool, attempt: int
) -> None:
    ingest.ingest(make_batch(*([create(domain="owner.example")] if known else [])))
    domains = [f"{number}.example" for number in range(4)]

    results = run_at_once([ingesting(make_batch(fetch(SEVERAL_MODELS, domain=domain))) for domain in domains])

    counted = Exchange.objects.get(cost_state="exact")
    assert results == [1, 1, 1, 1]
    assert MessageBatch.objects.get().counted_by == counted.id
    assert Exchange.objects.filter(cost_state="none", usage__batch__counted_by=str(counted.id)).count() == 3
    assert sum(DomainTotal.objects.values_list("output_tokens", flat=True)) == 1_012
    assert DomainTotal.objects.get(output_tokens=1_012).domain == (
        "owner.example" if known else counted.domain
    )


@pytest.mark.parametrize("attempt", range(5))
def test_workers_with_the_same_message_batches_in_opposite_order_do_not_wait_in_a_circle(
    attempt: int,
) -> None:
    names = [f"msgbatch_{number:02}" for number in range(20)]
    mixed = [
        [create(name) if number % 2 else fetch(SEVERAL_MODELS, name) for number, name in enumerate(order)]
        for order in (names, names[::-1])
    ]

    results = run_at_once([ingesting(make_batch(*records)) for records in mixed])

    assert results == [20, 20]
    assert MessageBatch.objects.exclude(created_by=None).exclude(counted_by=None).count() == 20


def test_batches_that_come_twice_out_of_order_to_two_workers_are_stored_once() -> None:
    chance = random.Random(3)
    spool = str(uuid7())
    records = [make_record(ask(f"question {number % 9}"), serial=number + 1) for number in range(90)]
    poison = make_record(serial=91, head=make_head(id="no-uuid"))
    cuts = [make_batch(*records[at : at + 10], spool=spool, accepted=at + 10) for at in range(0, 90, 10)]
    batches = [*cuts, make_batch(poison, records[0], spool=spool, accepted=91, dropped=0)]
    deliveries = [chance.sample(batches, len(batches)) for _ in range(2)]

    results = run_at_once([ingesting(*mine) for mine in deliveries])

    assert sum(results) == 91
    assert Exchange.objects.count() == sum(DomainTotal.objects.values_list("requests", flat=True)) == 90
    assert DeadLetter.objects.get().serial == 91
    row = Spool.objects.get()
    assert (row.accepted, row.stored, row.dropped) == (91, 91, 0)
