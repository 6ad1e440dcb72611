"""Batches that race, on real transactions."""

from collections.abc import Callable
from threading import Barrier, Thread

import pytest
from django.db import connection, connections

from proxy.record import Batch
from proxy.store import ingest
from proxy.store.models import Blob, DomainTotal, Exchange, Rollup, Spool
from tests.roles import as_owner
from tests.store.records import ask, make_batch, make_head, make_record, uuid7

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


def ingesting(batch: Batch) -> Callable[[], int]:
    return lambda: ingest.ingest(batch)


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
