from collections.abc import Iterator
from threading import Timer

import psycopg
import pytest
from celery.contrib.testing.worker import start_worker
from celery.signals import task_postrun
from django.conf import settings
from django.db import connection

from nexus_project.celery import app
from proxy.batch import encode_batch
from proxy.record import INGEST_TASK
from proxy.store import tasks
from proxy.store.models import Exchange
from tests.store.records import make_batch, make_record

pytestmark = pytest.mark.django_db(transaction=True)


def part(**_: object) -> None:
    connection.close()


@pytest.fixture
def worker() -> Iterator[None]:
    """A real worker on the real Redis, in a thread; it parts with its connection after each task, as the thread ends soon."""
    task_postrun.connect(part)
    try:
        with start_worker(app, pool="solo", queues=["ingest"], perform_ping_check=False, loglevel="error"):
            yield
    finally:
        task_postrun.disconnect(part)


@pytest.mark.filterwarnings("ignore:Call to deprecated setex:DeprecationWarning")  # Celery's call of redis-py
@pytest.mark.usefixtures("worker")
def test_a_worker_stores_a_batch_and_reports_how_many_records_were_new() -> None:
    payload = encode_batch(make_batch(make_record(), make_record()))

    results = [
        app.send_task(INGEST_TASK, [payload], serializer="msgpack", argsrepr="(batch,)").get(timeout=30)
        for _ in range(2)
    ]

    assert results == [2, 0]
    assert Exchange.objects.count() == 2


def test_a_lost_connection_is_made_again() -> None:
    connection.ensure_connection()
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(%s, 5000)", [connection.connection.info.backend_pid])

    assert tasks.ingest.apply((encode_batch(make_batch(make_record())),)).get() == 1


def end_who_waits() -> None:
    """What a restarting server does to those who wait for a lock."""
    with psycopg.connect(settings.DATABASE_URL, autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE NOT granted")


def test_a_batch_that_the_database_does_not_take_fails_whole_and_can_be_sent_again() -> None:
    payload = encode_batch(make_batch(make_record(), make_record()))

    with psycopg.connect(**connection.get_connection_params()) as other:
        other.execute("LOCK TABLE proxy_receipt")
        Timer(0.3, end_who_waits).start()
        refused = tasks.ingest.apply((payload,))
    again = tasks.ingest.apply((payload,))

    assert refused.state == "FAILURE"
    assert again.get() == Exchange.objects.count() == 2
