"""A rebuild and a repricing beside ingest, on real transactions: no increment is lost or counted twice."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, connections
from django.db.models import F, QuerySet

from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import Breakdown, DayBreakdown, DomainTotal, Exchange, Rollup, Spend
from proxy.store.rebuilding import reconciliation
from proxy.store.rebuilding import rollups as rebuild
from proxy.store.rebuilding.alone import Busy
from proxy.store.rebuilding.comparison import Window
from proxy.store.sums import rollups
from proxy.store.sums.definitions import UNKNOWN_DOMAIN
from tests import people
from tests.roles import OWNER
from tests.store import random_traffic
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_role(OWNER)]


@contextmanager
def beside(work: Callable[[], object]) -> Iterator[None]:
    """Do some work again and again in another thread, at least once before and once after what stands in the block."""
    ended, begun = Event(), Event()
    failures: list[BaseException] = []

    def run() -> None:
        try:
            while not ended.is_set():
                work()
                begun.set()
            work()
        except BaseException as error:  # told where the test can see it
            failures.append(error)
        finally:
            begun.set()
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    try:
        assert begun.wait(60)
        yield
    finally:
        ended.set()
        thread.join()
    assert failures == []


def ingesting(seed: int) -> Callable[[], None]:
    random = Random(seed)

    def work() -> None:
        ingest.ingest(make_batch(*(random_traffic.record(random, serial) for serial in range(5))))

    return work


def assert_sums_are_those_of_the_rows() -> None:
    """Once all is quiet: by Python, not by the statement that is tested."""
    rows = list(Exchange.objects.all())
    before = said()
    for table in (Rollup, DomainTotal, Spend, Breakdown, DayBreakdown):
        table.objects.all().delete()
    rollups.add(rows, kept=True)
    assert said() == before


def said() -> tuple[object, ...]:
    return (
        random_traffic.rollups(),
        random_traffic.totals(),
        random_traffic.spending(),
        random_traffic.breakdowns(),
    )


def add(rows: QuerySet[Any], wrong: int, *columns: str) -> None:
    """Make each row wrong by itself: one statement for all would take them in another order than ingest does."""
    for row in rows:
        rows.filter(pk=row.pk).update(**{column: F(column) + wrong for column in columns})


def test_what_ingest_adds_while_wrong_sums_are_mended_is_neither_lost_nor_doubled() -> None:
    ingesting(1)()
    with beside(ingesting(2)), beside(ingesting(3)):
        for wrong in (-1, 7):
            add(Rollup.objects.exclude(domain=UNKNOWN_DOMAIN), wrong, "requests", "cost_usd")
            add(DomainTotal.objects.all(), wrong, "errors")
            add(Spend.objects.all(), wrong, "cost_usd")
            add(Breakdown.objects.all(), wrong, "requests", "cost_usd")
            assert rebuild.rebuild(rebuild.Asked()).hours

    assert_sums_are_those_of_the_rows()


def test_an_exchange_that_is_stored_between_comparing_and_mending_counts_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    late = make_batch(make_record())
    ingest.ingest(make_batch(make_record()))
    Rollup.objects.update(requests=5)
    apply = reconciliation.apply

    def apply_late(window: Window) -> None:
        ingest.ingest(late)
        apply(window)

    monkeypatch.setattr(reconciliation, "apply", apply_late)

    rebuild.rebuild(rebuild.Asked())

    assert Rollup.objects.get().requests == DomainTotal.objects.get().requests == 2


def test_a_month_that_is_dropped_between_comparing_and_mending_keeps_its_sums(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest.ingest(make_batch(make_record()))
    compare = reconciliation.compare

    def drop_and_compare(window: Window) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE IF EXISTS proxy_exchange_2026_11, proxy_exchangebody_2026_11")
            cursor.execute("DROP TABLE IF EXISTS proxy_receipt_2026_11, proxy_blob_2026_11")
        compare(window)

    monkeypatch.setattr(reconciliation, "compare", drop_and_compare)

    found = rebuild.rebuild(rebuild.Asked())

    assert [f"{month:%Y-%m}" for month in found.dropped_months] == ["2026-11"]
    assert Rollup.objects.get().requests == DomainTotal.objects.get().requests == 1


def test_repricing_beside_ingest_and_rebuild_keeps_all_sums_right() -> None:
    def unpriced() -> None:
        records = [
            make_record(ask(model="fast"), say(model="claude-next-1"), head=make_head()) for _ in range(5)
        ]
        ingest.ingest(make_batch(*records))

    unpriced()
    with beside(unpriced), beside(lambda: rebuild.rebuild(rebuild.Asked())):
        people.make_price("claude-next-1")
        for _ in range(3):
            reprice.reprice(reprice.Asked())
            reprice.reprice(reprice.Asked(everything=True))

    assert_sums_are_those_of_the_rows()


def test_two_repricings_at_once_move_the_sums_once() -> None:
    records = [make_record(response=say(model="claude-next-1")) for _ in range(30)]
    ingest.ingest(make_batch(*records))
    people.make_price("claude-next-1")

    with beside(lambda: reprice.reprice(reprice.Asked())):
        reprice.reprice(reprice.Asked())

    assert_sums_are_those_of_the_rows()
    assert DomainTotal.objects.get().unpriced == 0


def test_a_second_rebuild_refuses_to_run_beside_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    ingest.ingest(make_batch(make_record()))
    refused = Event()

    def second() -> None:
        try:
            rebuild.rebuild(rebuild.Asked())
        except Busy:
            refused.set()
        finally:
            connections.close_all()

    def compare(window: Window) -> None:
        thread = Thread(target=second)
        thread.start()
        thread.join()

    monkeypatch.setattr(reconciliation, "compare", compare)
    rebuild.rebuild(rebuild.Asked())

    assert refused.is_set()
