"""What the sums by value (client key, person, tool, ...) lack of the rows, or have too much: found and fixed as rollups are.

Hours are compared with the exchanges, then days with their hours.
"""

from datetime import date, timedelta
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from proxy.dimensions import DIMENSIONS, OTHER
from proxy.metrics import SUMS
from proxy.store.rebuilding.comparison import (
    ANY,
    LESS,
    OF_WINDOW,
    SUMMED,
    WINDOW,
    WORK_MEM,
    DifferenceTable,
    Window,
    columns_of,
    selected,
)
from proxy.store.sums import folding
from proxy.store.sums.breakdowns import DAY_KEY, HOUR_KEY, add_to_days, add_to_hours
from proxy.store.sums.definitions import KEY_IN_SQL, SUMS_TOGETHER_IN_SQL, UNKNOWN_DOMAIN

_VALUES = ", ".join(
    f"('{dimension.name}', "
    + (
        f"CASE counts_as WHEN '{UNKNOWN_DOMAIN}' THEN ARRAY[''] ELSE {dimension.sql} END"
        if dimension.by_strangers
        else dimension.sql
    )
    + "::text[])"
    for dimension in DIMENSIONS
)
# A value that has no row of its own on a day that was folded counts with the others.
_COMPARE = sql.SQL("""
WITH counted_row AS (
    SELECT dimension, {hour} AS hour, {domain} AS domain, value, {sums_of_row}
    FROM proxy_exchange, LATERAL (VALUES {values}) AS part (dimension, found), unnest(found) AS value
    WHERE {window}
), by_value AS (
    SELECT {key}, {sum} FROM counted_row WHERE %(domain)s IN ('', domain) GROUP BY {key}
), day AS (
    SELECT dimension, day, domain, value FROM proxy_daybreakdown WHERE dimension = ANY (%(dimensions)s)
        AND day >= (%(start)s AT TIME ZONE 'UTC')::date AND day <= (%(end)s AT TIME ZONE 'UTC')::date
), placed AS (
    SELECT dimension, hour, domain, {sums}, CASE WHEN EXISTS (
        SELECT FROM day WHERE (day.dimension, day.domain, day.value) = (by_value.dimension, by_value.domain, %(other)s)
            AND day.day = (hour AT TIME ZONE 'UTC')::date
    ) AND NOT EXISTS (
        SELECT FROM day WHERE (day.dimension, day.domain, day.value) = (by_value.dimension, by_value.domain, by_value.value)
            AND day.day = (hour AT TIME ZONE 'UTC')::date
    ) THEN %(other)s ELSE value END AS value FROM by_value
), stated AS (
    SELECT {key}, {sum} FROM placed GROUP BY {key}
), counted AS (
    SELECT * FROM proxy_breakdown WHERE dimension = ANY (%(dimensions)s) AND {of_window} AND %(domain)s IN ('', domain)
), difference AS (
    SELECT {key}, {difference} FROM stated FULL JOIN counted USING ({key})
)
INSERT INTO breakdown_difference ({key}, {sums}) SELECT {key}, {sums} FROM difference WHERE {any}
""").format(
    hour=sql.SQL(KEY_IN_SQL["hour"]),
    domain=sql.SQL(KEY_IN_SQL["domain"]),
    sums_of_row=selected(SUMS_TOGETHER_IN_SQL),
    values=sql.SQL(_VALUES),
    window=sql.SQL(WINDOW),
    of_window=sql.SQL(OF_WINDOW),
    key=columns_of("{name}", HOUR_KEY),
    sum=SUMMED,
    sums=columns_of("{name}", SUMS),
    difference=LESS,
    any=ANY,
)
_BY_KEY = 'dimension COLLATE "C", {}, domain COLLATE "C", value COLLATE "C"'
_APPLY = add_to_hours(
    sql.SQL("SELECT {key}, {sums} FROM breakdown_difference WHERE {of_window} ORDER BY {order}").format(
        key=columns_of("{name}", HOUR_KEY),
        sums=columns_of("{name}", SUMS),
        of_window=sql.SQL(OF_WINDOW),
        order=sql.SQL(_BY_KEY.format("hour")),
    )
)
# Of whole days, whichever of their hours were compared.
_APPLY_DAYS = add_to_days(
    sql.SQL("""
WITH summed AS (
    SELECT dimension, (hour AT TIME ZONE 'UTC')::date AS day, domain, value, {sum} FROM proxy_breakdown
    WHERE dimension = ANY (%(dimensions)s) AND hour >= %(day)s::timestamp AT TIME ZONE 'UTC'
        AND hour < (%(day)s + 1)::timestamp AT TIME ZONE 'UTC'
    GROUP BY 1, 2, 3, 4
), counted AS (
    SELECT * FROM proxy_daybreakdown WHERE dimension = ANY (%(dimensions)s) AND day = %(day)s
), difference AS (
    SELECT {key}, {difference} FROM summed FULL JOIN counted USING ({key})
)
SELECT {key}, {sums} FROM difference WHERE {any} ORDER BY {order}
""").format(
        sum=SUMMED,
        key=columns_of("{name}", DAY_KEY),
        sums=columns_of("{name}", SUMS),
        difference=columns_of("coalesce(summed.{name}, 0) - coalesce(counted.{name}, 0) AS {name}", SUMS),
        any=ANY,
        order=sql.SQL(_BY_KEY.format("day")),
    )
)
_NOTHING = " AND ".join(f"{name} = 0" for name in SUMS)
# Without waiting, as with rollups.
_SWEEPS = tuple(
    f"""
DELETE FROM {table} AS row USING (
    SELECT dimension, {span}, domain, value FROM {table} WHERE dimension = ANY (%(dimensions)s)
        AND {span} >= %(start)s AND {span} < %(end)s AND {_NOTHING} FOR UPDATE SKIP LOCKED
) AS empty WHERE (row.dimension, row.{span}, row.domain, row.value) = (empty.dimension, empty.{span}, empty.domain, empty.value)
"""  # noqa: S608 - our names
    for table, span in (("proxy_breakdown", "hour"), ("proxy_daybreakdown", "day"))
)
_FIXED: dict[str, Any] = {"dimensions": [dimension.name for dimension in DIMENSIONS], "other": OTHER}


FOUND = DifferenceTable("breakdown_difference", "SELECT * FROM proxy_breakdown")


def compare(window: Window) -> None:
    """Find what the sums of a window have to gain."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(WORK_MEM)
        cursor.execute(_COMPARE, window.parameters | _FIXED)


def apply(window: Window) -> None:
    """Correct the hours of a day and the day, fold it where it is over, and forget what was fixed."""
    days = _days(window)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_APPLY, window.parameters)
        for day in days:
            cursor.execute(_APPLY_DAYS, _FIXED | {"day": day})
    folding.fold_past(days)
    FOUND.forget(window)


def sweep(window: Window) -> None:
    """Take away what counts nothing, as ingest would never have written it."""
    days = _days(window)
    with connection.cursor() as cursor:
        cursor.execute(_SWEEPS[0], window.parameters | _FIXED)
        cursor.execute(_SWEEPS[1], _FIXED | {"start": days[0], "end": days[-1] + timedelta(days=1)})


def _days(window: Window) -> list[date]:
    first, last = window.start.date(), (window.end - timedelta.resolution).date()
    return [first + timedelta(days=count) for count in range((last - first).days + 1)]
