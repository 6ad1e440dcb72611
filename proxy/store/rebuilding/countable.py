"""Which hours can be counted again from the stored exchanges, and which not, because something that they counted is gone.

What is asked here after a comparison sees at least what the comparison saw.
"""

from datetime import UTC, date, datetime

from django.db import connection, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.functions import TruncMonth

from proxy.store.models import CLOCK_SLACK, DroppedMonth, Rollup
from proxy.store.rebuilding.comparison import WORK_MEM, Window
from proxy.store.sums.definitions import UNKNOWN_DOMAIN

_MONTHS = r"""
SELECT to_date(right(relid::text, 7), 'YYYY_MM') FROM pg_partition_tree('proxy_exchange')
WHERE relid::text ~ '_\d{4}_\d{2}$'
"""
# A receipt knows no hour but that of its id. Where a clock was set back in between, the rollups nearby tell.
_STORAGE_OFF = """
WITH unstored AS (
    SELECT DISTINCT date_trunc('hour', to_timestamp(
        ('x' || translate(left(receipt.id::text, 13), '-', ''))::bit(48)::bigint / 1000.0
    ), 'UTC') AS hour
    FROM proxy_receipt AS receipt
    WHERE id >= nexus_uuid_floor(%(lowest)s) AND id < nexus_uuid_floor(%(highest)s) AND NOT EXISTS (
        SELECT 1 FROM proxy_exchange AS kept WHERE kept.id = receipt.id
        AND kept.id >= nexus_month_floor(nexus_uuid_floor(%(lowest)s))
        AND kept.id < nexus_month_ceiling(nexus_uuid_floor(%(highest)s))
    )
)
SELECT hour FROM unstored WHERE hour >= %(start)s AND hour < %(end)s
UNION
SELECT hour FROM proxy_rollup AS rollup WHERE hour >= %(start)s AND hour < %(end)s AND requests > stored
AND EXISTS (
    SELECT 1 FROM unstored WHERE unstored.hour >= rollup.hour - make_interval(secs => %(slack)s)
    AND unstored.hour <= rollup.hour + make_interval(secs => %(slack)s)
)
"""
_COUNTED_BEFORE = """
SELECT DISTINCT hour FROM rollup_difference
WHERE hour >= %(start)s AND hour < %(end)s AND hour < %(attributed)s AND domain = %(unknown)s AND requests < 0
"""
# Since then an exchange keeps under which domain it counts.
_ATTRIBUTED = "0005_counts_as"


def months_with_rows() -> set[date]:
    """The months that have a partition of exchanges."""
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS)
        return {row[0] for row in cursor.fetchall()}


def months_counted() -> set[date]:
    """The months that have rollups."""
    months = Rollup.objects.annotate(month=TruncMonth("hour", tzinfo=UTC)).values_list("month", flat=True)
    return {month.date() for month in months.distinct()}


def dropped_months() -> set[date]:
    """The months whose exchanges were dropped, pinned ones apart, or that are counted and have no partition."""
    reported = DroppedMonth.objects.exclude(metadata_dropped_at=None).values_list("month", flat=True)
    return set(reported) | (months_counted() - months_with_rows())


def storage_off(window: Window) -> set[datetime]:
    """The hours in which something was counted while storage was off: its receipt has no exchange."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WORK_MEM)
        cursor.execute(_STORAGE_OFF, window.parameters | {"slack": CLOCK_SLACK.total_seconds()})
        return {row[0] for row in cursor.fetchall()}


def counted_before(window: Window) -> set[datetime]:
    """The compared hours in which strangers were counted when exchanges did not yet keep that they are some."""
    migration = MigrationRecorder.Migration.objects.filter(app="proxy", name=_ATTRIBUTED).first()
    if migration is None:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(
            _COUNTED_BEFORE,
            window.parameters | {"attributed": migration.applied, "unknown": UNKNOWN_DOMAIN},
        )
        return {row[0] for row in cursor.fetchall()}
