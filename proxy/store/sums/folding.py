"""Bound the sums by value: of a domain, dimension and day the values with the fewest requests beyond MOST_VALUES become one.

A task does it when a day is over. What comes later of a value that has no row any more counts with the others (`breakdowns`), so a
rebuild and ingest say the same.
"""

from collections.abc import Collection, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from proxy.dimensions import BY_NAME, MOST_VALUES, OTHER
from proxy.metrics import SUMS
from proxy.store.sums.breakdowns import DAY_KEY, HOUR_KEY, add_to_days, add_to_hours

# Late records move few values; what comes after them makes no difference that anybody sees.
LATE_DAYS = 3

_CROWDED = """
SELECT day, dimension, domain FROM proxy_daybreakdown WHERE dimension = ANY (%s) AND day = ANY (%s)
GROUP BY day, dimension, domain HAVING count(*) > %s ORDER BY 1, 2, 3
"""
_SMALLEST = """
SELECT value FROM proxy_daybreakdown WHERE day = %s AND dimension = %s AND domain = %s AND value <> %s
ORDER BY requests DESC, value COLLATE "C" OFFSET %s
"""


def _names(names: Collection[str]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))


_SUMMED = sql.SQL(", ").join(sql.SQL("sum({})").format(sql.Identifier(name)) for name in SUMS)
# Rows are taken in the order in which ingest takes them.
_GONE = sql.SQL("""
WITH locked AS MATERIALIZED (
    SELECT {key} FROM {table} WHERE {within} AND dimension = %(dimension)s AND domain = %(domain)s
        AND value = ANY (%(folded)s)
    ORDER BY {span}, value COLLATE "C" FOR UPDATE
), gone AS (
    DELETE FROM {table} AS row USING locked WHERE {same} RETURNING row.*
)
{adding}
""")


def _fold(table: str, key: tuple[str, ...], within: str, span: str) -> sql.Composed:
    summed = sql.SQL(
        "SELECT dimension, {span}, domain, %(other)s, {sums} FROM gone GROUP BY dimension, {span}, domain"
    ).format(span=sql.Identifier(span), sums=_SUMMED)
    add = add_to_hours if span == "hour" else add_to_days
    return _GONE.format(
        key=_names(key),
        table=sql.Identifier(table),
        within=sql.SQL(within),
        span=sql.Identifier(span),
        same=sql.SQL(" AND ").join(
            sql.SQL("row.{name} = locked.{name}").format(name=sql.Identifier(name)) for name in key
        ),
        adding=add(summed),
    )


_FOLDS = (
    _fold("proxy_breakdown", HOUR_KEY, "hour >= %(start)s AND hour < %(end)s", "hour"),
    _fold("proxy_daybreakdown", DAY_KEY, "day = %(day)s", "day"),
)


def fold_recent() -> int:
    """Fold the days that are over since a little while; of how many domains and dimensions."""
    today = datetime.now(UTC).date()
    return fold([today - timedelta(days=days) for days in range(1, 1 + LATE_DAYS)])


def fold_past(days: Iterable[date]) -> int:
    """Fold those of these days that are over."""
    today = datetime.now(UTC).date()
    return fold([day for day in days if day < today])


def fold(days: Collection[date], most: int = MOST_VALUES) -> int:
    """Fold days of UTC that have more values than `most`; of how many days, domains and dimensions."""
    with connection.cursor() as cursor:
        cursor.execute(_CROWDED, [list(BY_NAME), list(days), most])
        crowded = cursor.fetchall()
    for day, dimension, domain in crowded:
        _fold_one(day, dimension, domain, most)
    return len(crowded)


def _fold_one(day: date, dimension: str, domain: str, most: int) -> None:
    start = datetime(day.year, day.month, day.day, tzinfo=UTC)
    parameters: dict[str, Any] = {
        "dimension": dimension,
        "domain": domain,
        "other": OTHER,
        "day": day,
        "start": start,
        "end": start + timedelta(days=1),
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_SMALLEST, [day, dimension, domain, OTHER, most - 1])
        parameters["folded"] = [value for (value,) in cursor.fetchall()]
        for statement in _FOLDS:
            cursor.execute(statement, parameters)
