"""When a client key was last used, as the worker writes it."""

import logging
from datetime import UTC, datetime, timedelta
from threading import Thread

import pytest
from django.db import connection, connections, transaction

from accounts import key_use
from accounts.models import ClientKey
from accounts.snapshot.build import database_version
from nexus_project.operations.grants import WORKER
from proxy.store.ingest.batch import ingest
from tests.accounts.people import make_client_key
from tests.roles import acting_as, as_owner
from tests.store.records import NOON, make_batch, make_head, make_record

pytestmark = pytest.mark.django_db
THEN = datetime(2025, 11, 20, 12, 30, tzinfo=UTC)


@as_owner()
def last_used(key: ClientKey) -> datetime | None:
    key.refresh_from_db()
    return key.last_used_at


@as_owner()
def version() -> int:
    # Its trigger waits for the end of a transaction, which a test never reaches.
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    return database_version()


def test_storing_a_record_notes_its_key_and_wakes_no_proxy() -> None:
    key, _ = make_client_key()
    before = version()

    ingest(make_batch(make_record(head=make_head(client_key=str(key.pk)))))

    assert last_used(key) == min(NOON, datetime.now(UTC))
    assert version() == before


def test_it_is_written_once_a_minute_and_never_goes_back() -> None:
    key, _ = make_client_key()
    other, _ = make_client_key()
    for seconds, noted in [(0, 0), (60, 0), (61, 61), (0, 61), (300, 300), (10, 300)]:
        key_use.note([(str(key.pk), THEN + timedelta(seconds=seconds))])
        assert last_used(key) == THEN + timedelta(seconds=noted)

    assert last_used(other) is None


def test_of_one_batch_the_latest_use_of_each_key_counts() -> None:
    first, second = make_client_key()[0], make_client_key()[0]
    later = THEN + timedelta(seconds=30)

    key_use.note([(str(first.pk), later), (str(first.pk), THEN), (str(second.pk), THEN)])

    assert (last_used(first), last_used(second)) == (later, THEN)


def test_a_clock_that_is_ahead_does_not_stop_the_noting() -> None:
    key, _ = make_client_key()

    key_use.note([(str(key.pk), datetime.now(UTC) + timedelta(days=400))])

    used = last_used(key)
    assert used
    assert used <= datetime.now(UTC)


@pytest.mark.parametrize("reference", ["", "file:a.example.credentials.json", "9" * 30, "٣", "-1", "12345"])
def test_what_is_no_row_is_passed_over(reference: str, caplog: pytest.LogCaptureFixture) -> None:
    key_use.note([(reference, THEN)])

    assert not caplog.records


def test_the_worker_sees_no_hash_of_a_key() -> None:
    make_client_key()

    with acting_as(WORKER), connection.cursor() as cursor:
        for column in ("digest", "hint", "owner"):
            with pytest.raises(Exception, match="permission denied"), transaction.atomic():
                cursor.execute(f"SELECT {column} FROM accounts_clientkey")  # noqa: S608 - names of this file


def test_a_missing_right_costs_the_note_and_no_record(caplog: pytest.LogCaptureFixture) -> None:
    key, _ = make_client_key()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("REVOKE UPDATE (last_used_at) ON accounts_clientkey FROM nexus_worker")

    with caplog.at_level(logging.WARNING):
        assert ingest(make_batch(make_record(head=make_head(client_key=str(key.pk))))) == 1

    assert [record.message for record in caplog.records] == ["client_keys.use_not_noted"]


@pytest.mark.django_db(transaction=True)
def test_a_key_that_an_operator_is_changing_holds_up_no_worker() -> None:
    key, _ = make_client_key()

    def note() -> None:
        with acting_as(WORKER):
            key_use.note([(str(key.pk), THEN)])
        connections.close_all()

    with as_owner(), transaction.atomic():
        ClientKey.objects.select_for_update().get(pk=key.pk)
        worker = Thread(target=note)
        worker.start()
        worker.join(5)
        assert not worker.is_alive()

    assert last_used(key) is None
