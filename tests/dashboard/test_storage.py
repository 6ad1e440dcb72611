"""What the record takes on disk, by month and table."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from proxy.store.models import ExchangeBody
from proxy.store.postgres import partitions
from tests import people
from tests.roles import as_owner

pytestmark = pytest.mark.django_db

MARCH = datetime(2026, 3, 31, 23, 59, tzinfo=UTC)
APRIL = datetime(2026, 4, 1, 0, 1, tzinfo=UTC)
TABLES = sorted(partitions.TABLES)


def test_storage_tells_the_bytes_of_each_month_and_table(program: Client) -> None:
    people.make_exchange(at=MARCH, request=b"a" * 3000, response=b"b" * 1000)
    people.make_exchange(at=APRIL, request=b"a" * 50_000, response=b"")

    report = program.get("/api/storage").json()

    april, march = (month for month in report["months"] if month["month"] in ("2026-03-01", "2026-04-01"))
    assert (april["month"], april["rawBytes"], march["rawBytes"]) == ("2026-04-01", 50_000, 4000)
    assert [table["table"] for table in march["tables"]] == TABLES
    assert march["storedBytes"] == sum(table["storedBytes"] for table in march["tables"]) > 0
    assert march["share"] == round(march["storedBytes"] / 4000, 4)
    assert march["tables"][0]["share"] == round(march["tables"][0]["storedBytes"] / 4000, 4)
    assert report["rawBytes"] == 54_000
    assert report["storedBytes"] == sum(month["storedBytes"] for month in report["months"])


def test_storage_of_a_month_that_was_dropped_is_not_counted(program: Client) -> None:
    people.make_exchange(at=MARCH)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE {', '.join(f'{table}_2026_03' for table in TABLES)}")

    report = program.get("/api/storage").json()

    assert "2026-03-01" not in [month["month"] for month in report["months"]]
    assert (report["rawBytes"], report["share"]) == (0, None)


def test_storage_reads_no_traffic(program: Client) -> None:
    people.make_exchange(at=MARCH)

    with CaptureQueriesContext(connection) as queries:
        program.get("/api/storage")

    assert not any(f'FROM "{ExchangeBody._meta.db_table}"' in query["sql"] for query in queries)
    assert len([query for query in queries if "SELECT" in query["sql"]]) <= 3
