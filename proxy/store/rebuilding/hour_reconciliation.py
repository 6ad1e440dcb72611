"""What the hours of conversations lack of the rows, or have too much.

What differs is counted anew while the row of its conversation is held, as whoever adds to it does: nothing comes in between.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from proxy.metrics import SUMS
from proxy.store.ingest import storing
from proxy.store.rebuilding.comparison import WORK_MEM, Difference, Window, read_differences
from proxy.store.sums import hours

_TOGETHER = 500
_OF_WINDOW = "{id} >= nexus_uuid_floor(%(start)s) AND {id} < nexus_uuid_floor(%(end)s)"
_OF_ITS_MONTHS = (
    "exchange.id >= nexus_month_floor(nexus_uuid_floor(%(start)s))"
    " AND exchange.id < nexus_month_ceiling(nexus_uuid_floor(%(end)s))"
)
_MOMENT = "to_timestamp(('x' || translate(left(id::text, 13), '-', ''))::bit(48)::bigint / 1000)"
_DIFFERENCE = ", ".join(
    f"coalesce(stated.{name}, 0) - coalesce(counted.{name}, 0) AS {name}" for name in SUMS
)
_COMPARE = f"""
CREATE TEMP TABLE hour_difference ON COMMIT PRESERVE ROWS AS
WITH stated AS (
    {hours.counted(_OF_WINDOW.format(id="id"), _OF_ITS_MONTHS)}
), counted AS (
    SELECT * FROM proxy_conversationhour WHERE {_OF_WINDOW.format(id="id")}
), difference AS (
    SELECT id, coalesce(stated.conversation, counted.conversation) AS conversation, {_DIFFERENCE}
    FROM stated FULL JOIN counted USING (id)
    WHERE %(domain)s IN ('', coalesce(stated.domain, counted.domain)) AND (stated.id IS NULL OR counted.id IS NULL
        OR ({", ".join(f"stated.{name}" for name in SUMS)}) IS DISTINCT FROM ({", ".join(f"counted.{name}" for name in SUMS)}))
)
SELECT {_MOMENT} AS hour, conversation, {", ".join(SUMS)} FROM difference
"""  # noqa: S608 - our names
_HOLD = "SELECT FROM proxy_conversation WHERE id = ANY(%s) ORDER BY id FOR UPDATE"
_COUNT = "SELECT nexus_count_hours(%s::uuid[], nexus_uuid_floor(%s), nexus_uuid_floor(%s - interval '1 millisecond'))"


@contextmanager
def compared(window: Window) -> Iterator[list[Difference]]:
    """The hours of a window that differ, which `apply` may correct meanwhile."""
    _drop()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WORK_MEM)
        cursor.execute(_COMPARE, window.parameters)
    try:
        yield read_differences("hour", "hour_difference", SUMS, {})
    finally:
        _drop()


def _drop() -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS pg_temp.hour_difference")


def apply(window: Window) -> None:
    """Count the conversations that differ anew, within the window."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT conversation FROM hour_difference ORDER BY 1")
        ids = [id_ for (id_,) in cursor.fetchall()]
    for start in range(0, len(ids), _TOGETHER):
        wanted = ids[start : start + _TOGETHER]
        with transaction.atomic(), connection.cursor() as cursor:
            storing.hold([window.start.date().replace(day=1)])
            cursor.execute(_HOLD, [wanted])
            cursor.execute(_COUNT, [wanted, window.start, window.end])
