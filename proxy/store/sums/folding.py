"""Bound the sums by value: of a domain, dimension and day the values with the fewest requests beyond MOST_VALUES become one.

A task does it when a day is over. What comes later of a value that has no row any more counts with the others (`breakdowns`), so a
rebuild and ingest say the same.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, transaction
from psycopg import sql

from proxy.dimensions import BY_NAME, MOST_VALUES, OTHER
from proxy.histograms import WAITS
from proxy.metrics import SUMS
from proxy.store.models.tools import TOOL_SUMS
from proxy.store.sums import tools
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


# Rows are taken in the order in which ingest takes them.
_GONE = sql.SQL("""
WITH locked AS MATERIALIZED (
    SELECT {key} FROM {table} WHERE {within} AND {of_dimension} AND domain = %(domain)s AND {value} = ANY (%(folded)s)
    ORDER BY {span}, {value} COLLATE "C" FOR UPDATE
), gone AS (
    DELETE FROM {table} AS row USING locked WHERE {same} RETURNING row.*
)
{adding}
""")
_BY_VALUE = {name: f"sum({name})" for name in SUMS}
# PostgreSQL has no sum of arrays.
_OF_TOOL = {name: f"sum({name})" for name in TOOL_SUMS} | {
    WAITS.name: f"ARRAY[{', '.join(f'sum({WAITS.name}[{place + 1}])' for place in range(WAITS.buckets))}]::bigint[]"
}


def _fold(
    table: str, key: tuple[str, ...], sums: Mapping[str, str], add: Callable[[sql.Composable], sql.Composed]
) -> sql.Composed:
    """The last column of `key` is the value, and one of the others is `hour` or `day`."""
    span = "hour" if "hour" in key else "day"
    by = key[:-1]
    return _GONE.format(
        key=_names(key),
        table=sql.Identifier(table),
        within=sql.SQL("hour >= %(start)s AND hour < %(end)s" if span == "hour" else "day = %(day)s"),
        of_dimension=sql.SQL("dimension = %(dimension)s" if "dimension" in key else "true"),
        span=sql.Identifier(span),
        value=sql.Identifier(key[-1]),
        same=sql.SQL(" AND ").join(
            sql.SQL("row.{name} = locked.{name}").format(name=sql.Identifier(name)) for name in key
        ),
        adding=add(
            sql.SQL("SELECT {by}, %(other)s, {sums} FROM gone GROUP BY {by}").format(
                by=_names(by), sums=sql.SQL(", ").join(map(sql.SQL, sums.values()))
            )
        ),
    )


_FOLDS = (
    _fold("proxy_breakdown", HOUR_KEY, _BY_VALUE, add_to_hours),
    _fold("proxy_daybreakdown", DAY_KEY, _BY_VALUE, add_to_days),
)
# What became of the calls of the same tools.
_FOLDS_OF_TOOLS = (
    _fold("proxy_toolhour", tools.HOUR_KEY, _OF_TOOL, tools.add_to_hours),
    _fold("proxy_toolday", tools.DAY_KEY, _OF_TOOL, tools.add_to_days),
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
        for statement in _FOLDS + (_FOLDS_OF_TOOLS if dimension == tools.DIMENSION else ()):
            cursor.execute(statement, parameters)
