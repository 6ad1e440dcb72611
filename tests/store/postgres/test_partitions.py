"""Partitions are made ahead by beat and on demand by ingest, and block nobody."""

from datetime import UTC, date, datetime

import pytest
import time_machine
from django.db import connection

from nexus_project.celery import app
from proxy.store import tasks
from proxy.store.bodies.blobs import body_of
from proxy.store.ingest import batch as ingest
from proxy.store.postgres.partitions import TABLES, ensure_ahead, next_month, partitions
from tests.roles import OWNER
from tests.store.months.test_retention import id_of
from tests.store.records import make_batch, make_head, make_record

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

FAR = datetime(2031, 5, 20, tzinfo=UTC)


def months_of(year: int) -> dict[str, set[str]]:
    found = [partition for partition in partitions() if partition.month.year == year]
    return {
        f"{month:%Y-%m}": {item.table for item in found if item.month == month}
        for month in {item.month for item in found}
    }


def run(statement: str) -> list[tuple[str, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


@time_machine.travel(datetime(2030, 11, 30, 23, 59, tzinfo=UTC))
def test_beat_makes_this_month_and_the_next_two_over_the_end_of_the_year() -> None:
    tasks.make_partitions.apply()

    assert months_of(2030) == {"2030-11": set(TABLES), "2030-12": set(TABLES)}
    assert months_of(2031) == {"2031-01": set(TABLES)}


def test_beat_asks_for_partitions_and_retention_every_hour() -> None:
    asked = {entry["task"]: entry["schedule"] for entry in app.conf.beat_schedule.values()}

    assert asked["proxy.partitions"] == asked["proxy.retention"] == 3600
    assert set(asked) <= set(app.tasks)


@pytest.mark.parametrize("missing", TABLES)
def test_whichever_partition_is_missing_is_made_for_a_late_record(missing: str) -> None:
    ensure_ahead(FAR)
    run(f"DROP TABLE {missing}_2031_05")

    ingest.ingest(make_batch(record := make_record(head=make_head(FAR))))

    assert body_of(id_of(record), "request") == record.request_body
    assert months_of(2031)["2031-05"] == set(TABLES)


def test_a_new_partition_lets_others_read_and_write_its_table_meanwhile() -> None:
    run("SELECT nexus_ensure_month('2032-01-01')")

    modes = run(
        "SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND relation IN "
        "('proxy_receipt'::regclass, 'proxy_exchange'::regclass, 'proxy_exchangebody'::regclass, 'proxy_blob'::regclass)"
    )
    assert ("ShareUpdateExclusiveLock",) in modes
    assert ("AccessExclusiveLock",) not in modes


def test_a_new_partition_is_like_its_table() -> None:
    run("SELECT nexus_ensure_month('2032-01-01')")

    [(stored,)] = run(
        "SELECT attstorage FROM pg_attribute WHERE attrelid = 'proxy_blob_2032_01'::regclass AND attname = 'data'"
    )
    indexes = run(
        "SELECT parent.relname FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid"
        " JOIN pg_class AS parent ON parent.oid = inhparent JOIN pg_index ON indexrelid = child.oid"
        " WHERE indrelid = 'proxy_exchange_2032_01'::regclass"
    )
    assert stored == "e"
    assert {"exchange_domain", "exchange_session", "exchange_older_rule"} < {name for (name,) in indexes}
    assert len(indexes) == 5


def test_the_month_after_december_is_january() -> None:
    assert next_month(date(2026, 12, 1)) == date(2027, 1, 1)
    assert next_month(date(2028, 2, 1)) == date(2028, 3, 1)
