"""Retention beside ingest and people, on real connections: nobody is killed by a deadlock, nothing is lost."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from threading import Event, Thread
from time import sleep

import psycopg
import pytest
from django.db import connection, connections, transaction

from nexus_project.operations.grants import DASHBOARD, PROXY, WORKER
from proxy.record import Record
from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import storing
from proxy.store.models import DeadLetter, DomainTotal, DroppedMonth, Exchange
from proxy.store.months import retention
from proxy.store.months.retention import BODIES, METADATA, BusyError, Step
from proxy.store.postgres import partitions
from tests import people
from tests.people import make_pin
from tests.roles import OWNER, as_owner
from tests.store.agent_session import SESSION
from tests.store.months.test_retention import OLD, TURNS, bodies, drop_all, id_of, sent, session, turn
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = pytest.mark.django_db(transaction=True)

JANUARY = date(2026, 1, 1)
STEPS = [Step(JANUARY, BODIES, 0), Step(JANUARY, METADATA, 0)]


@pytest.fixture(autouse=True)
def no_january() -> Iterator[None]:
    """These tests commit what they drop, and what they leave."""
    yield
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE proxy_pin, proxy_droppedmonth")
        drop_all()
        cursor.execute("TRUNCATE proxy_droppedmonth")


@pytest.fixture
def other() -> Iterator[psycopg.Connection]:
    with psycopg.connect(**connection.get_connection_params()) as opened:
        yield opened


def in_thread(work: Callable[[], object]) -> tuple[Thread, list[BaseException]]:
    raised: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            raised.append(error)
        finally:
            connections.close_all()

    thread = Thread(target=run)
    thread.start()
    return thread, raised


def somebody_waits() -> None:
    """Return as soon as a lock is waited for."""
    for _ in range(500):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted")
            if cursor.fetchone() != (0,):
                return
        sleep(0.005)
    pytest.fail("nobody waited")


def test_ingest_into_old_and_new_months_goes_on_while_months_are_dropped() -> None:
    pinned = [turn(body, number) for number, body in enumerate(TURNS)]
    make_pin(session_id=SESSION, domain="a.example")
    new = [make_record(ask(f"new {number}"), serial=number) for number in range(40)]
    loose = [make_record(ask(f"loose {n}"), head=make_head(OLD, domain="c.example")) for n in range(40)]
    done = Event()
    dropped = []

    def store(records: list[Record]) -> None:
        for at in range(0, len(records), 2):
            ingest.ingest(make_batch(*records[at : at + 2]))

    def drop() -> None:
        while not done.is_set():
            for step in STEPS:
                try:
                    dropped.append(retention.drop(step))
                except BusyError:
                    dropped.append(False)

    dropper, trouble = in_thread(drop)
    writers = [in_thread(lambda records=records: store(records)) for records in (pinned, new, loose)]  # type: ignore[misc]  # a default binds it
    for thread, _ in writers:
        thread.join()
    done.set()
    dropper.join()

    assert [*trouble, *(error for _, raised in writers for error in raised)] == []
    assert not DeadLetter.objects.exists()
    assert any(dropped)
    assert [bodies(report) for report in [*pinned, *new]] == [sent(report) for report in [*pinned, *new]]
    assert dict(DomainTotal.objects.values_list("domain", "requests")) == {"a.example": 80, "c.example": 40}


def test_a_month_that_is_dropped_while_a_batch_is_on_its_way_is_made_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ensure = storing._ensure
    partitions_made: list[bool] = []

    def ensure_and_lose(months: list[date]) -> None:
        ensure(months)
        if not partitions_made:
            drop_all()
        partitions_made.append(True)

    monkeypatch.setattr(storing, "_ensure", ensure_and_lose)
    records = session(TURNS[:2])

    assert ingest.ingest(make_batch(*records)) == 2

    assert [bodies(record) for record in records] == [sent(record) for record in records]
    assert len(partitions_made) == 2
    assert "ingest.one_by_one" not in caplog.text


@pytest.mark.parametrize(
    "statement", ["LOCK TABLE proxy_exchangebody IN ROW EXCLUSIVE MODE", "SELECT count(*) FROM proxy_blob"]
)
def test_whoever_is_in_the_way_goes_on_and_the_drop_comes_later(
    other: psycopg.Connection, caplog: pytest.LogCaptureFixture, statement: str
) -> None:
    ingest.ingest(make_batch(record := make_record(head=make_head(OLD))))
    other.execute(statement.encode())

    with pytest.raises(BusyError):
        retention.drop(STEPS[0])

    assert bodies(record) == sent(record)
    assert "retention.busy" in caplog.text
    assert not DroppedMonth.objects.exists()
    other.rollback()
    assert retention.drop(STEPS[0])


def test_a_drop_that_waits_stops_others_for_half_a_second_at_most(other: psycopg.Connection) -> None:
    ingest.ingest(make_batch(make_record(head=make_head(OLD))))
    other.execute("SELECT count(*) FROM proxy_exchangebody")
    thread, raised = in_thread(lambda: retention.drop(STEPS[0]))
    somebody_waits()

    started = datetime.now(UTC)
    ingest.ingest(make_batch(make_record()))
    took = datetime.now(UTC) - started

    thread.join()
    assert isinstance(raised[0], BusyError)
    assert took < timedelta(seconds=1.5)
    assert Exchange.objects.count() == 2


def test_a_pin_that_comes_while_its_month_is_copied_counts(other: psycopg.Connection) -> None:
    records = session(TURNS[:2])
    ingest.ingest(make_batch(*records))
    other.execute("LOCK TABLE ONLY proxy_exchangebody IN ACCESS SHARE MODE")
    thread, raised = in_thread(lambda: retention.drop(STEPS[0]))
    somebody_waits()

    make_pin(exchange=id_of(records[1]))
    other.rollback()
    thread.join()

    assert isinstance(raised[0], BusyError)
    assert retention.drop(STEPS[0])
    assert bodies(records[1]) == sent(records[1])


def test_a_drop_touches_no_partition_of_another_month() -> None:
    ingest.ingest(make_batch(*session(TURNS[:3]), make_record(), make_record(head=make_head(OLD))))
    make_pin(session_id=SESSION, domain="a.example")
    make_pin(exchange=Exchange.objects.newest_first()[0].id)

    with transaction.atomic(), connection.cursor() as cursor:
        assert drop_all() == (3, 3)
        cursor.execute(
            "SELECT relname FROM pg_locks JOIN pg_class ON pg_class.oid = relation"
            " WHERE pid = pg_backend_pid() AND relname ~ '^proxy_[a-z]+_20[0-9]{2}_[0-9]{2}'"
        )
        locked = {name for (name,) in cursor.fetchall()}

    assert {name for name in locked if "_2026_01" not in name} == set()
    assert "proxy_exchange_2026_01" in locked


def test_workers_that_make_the_same_missing_partitions_do_not_collide() -> None:
    ingest.ingest(make_batch(make_record(head=make_head(OLD))))
    retention.drop(STEPS[0])
    threads = [
        in_thread(lambda n=n: ingest.ingest(make_batch(make_record(ask(str(n)), head=make_head(OLD)))))  # type: ignore[misc]  # a default binds it
        for n in range(4)
    ]

    for thread, _ in threads:
        thread.join()

    assert [error for _, raised in threads for error in raised] == []
    assert len([partition for partition in partitions.partitions() if partition.month == JANUARY]) == len(
        partitions.TABLES
    )


@contextmanager
def another(role: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(**connection.get_connection_params(), autocommit=True) as opened:
        opened.execute(f"SET ROLE {role}".encode())
        yield opened


def test_a_worker_drops_a_month_through_the_function_only_and_cannot_skip_its_pins() -> None:
    record = make_record(head=make_head(OLD))
    ingest.ingest(make_batch(record))
    make_pin(exchange=id_of(record))

    with another(WORKER) as worker:
        # What a role cannot make is left out of the functions' search all the same (test_grants).
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("CREATE TEMPORARY TABLE proxy_pin (exchange uuid, session_id text, domain text)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            worker.execute("DROP TABLE proxy_blob_2026_01")
        assert worker.execute("SELECT nexus_drop_month('2026-01-01', 'bodies')").fetchone() == (None,)
        with pytest.raises(psycopg.errors.RaiseException, match="not over yet"):
            worker.execute("SELECT nexus_drop_month(current_date, 'bodies')")

    assert bodies(record) == sent(record)


@pytest.mark.parametrize("role", [PROXY, DASHBOARD])
def test_nobody_but_the_worker_drops_a_month(role: str) -> None:
    with another(role) as opened, pytest.raises(psycopg.errors.InsufficientPrivilege):
        opened.execute("SELECT nexus_drop_month('2026-01-01', 'bodies')")


def wait_until_somebody_waits(other: psycopg.Connection) -> None:
    query = (
        "SELECT count(*) FROM pg_locks JOIN pg_database AS here ON here.oid = database"
        " WHERE NOT granted AND datname = current_database()"
    )
    for _ in range(500):
        if other.execute(query).fetchone() != (0,):
            return
        sleep(0.01)
    raise AssertionError("nobody waits")


@pytest.mark.database_role(OWNER)
def test_a_repricing_waits_for_a_drop_without_standing_in_its_way(other: psycopg.Connection) -> None:
    ingest.ingest(make_batch(make_record(ask(model="new"), say(model="claude-next-1"), head=make_head(OLD))))
    people.make_price("claude-next-1")
    other.execute("SET lock_timeout = '500ms'")
    other.execute("SELECT nexus_lock_month('2026-01-01', alone => true)")
    other.execute("LOCK TABLE proxy_exchange_2026_01 IN SHARE ROW EXCLUSIVE MODE")

    thread, raised = in_thread(lambda: reprice.reprice(reprice.Asked()))
    wait_until_somebody_waits(other)
    other.execute("LOCK TABLE ONLY proxy_exchange IN ACCESS EXCLUSIVE MODE")
    other.rollback()
    thread.join()

    assert raised == []
    assert Exchange.objects.get().cost_state == "exact"


@pytest.mark.database_role(OWNER)
def test_what_is_dropped_after_it_was_chosen_is_not_repriced(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ingest.ingest(make_batch(make_record(ask(model="new"), say(model="claude-next-1"), head=make_head(OLD))))
    people.make_price("claude-next-1")
    hold = storing.hold

    def drop_and_hold(months: list[date]) -> bool:
        thread, raised = in_thread(lambda: [retention.drop(step) for step in STEPS])
        thread.join()
        assert raised == []
        return hold(months)

    monkeypatch.setattr(storing, "hold", drop_and_hold)

    done = reprice.reprice(reprice.Asked())

    assert (done.seen, done.changed) == (0, 0)
    assert DomainTotal.objects.get().cost_usd == 0
