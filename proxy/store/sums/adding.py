"""One statement that adds sums to the rows of a table, whether they are there already or not."""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any

from django.db import connection
from psycopg import sql

from proxy.histograms import HISTOGRAMS
from proxy.metrics import SUMS, SUMS_OF_DOMAIN
from proxy.store.sums.definitions import KEY

# Makes a statement of its rows: VALUES, or SELECT.
Adding = Callable[[sql.Composable], sql.Composed]

ADD = sql.SQL("{table}.{column} + excluded.{column}")
_LATER = sql.SQL("greatest({table}.{column}, excluded.{column})")
ADD_EACH = sql.SQL(
    "ARRAY(SELECT coalesce(pair.old, 0) + coalesce(pair.new, 0)"
    " FROM unnest({table}.{column}, excluded.{column}) WITH ORDINALITY AS pair (old, new, place)"
    " ORDER BY pair.place)"
)

PLAIN_CHANGES = dict.fromkeys(SUMS, ADD)
ROLLUP_CHANGES = PLAIN_CHANGES | {histogram.name: ADD_EACH for histogram in HISTOGRAMS}
TOTAL_CHANGES = dict.fromkeys(SUMS_OF_DOMAIN, ADD) | {"last_at": _LATER}


def add_to_rollups(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of KEY and ROLLUP_CHANGES) to the rollups."""
    return adding("proxy_rollup", KEY, ROLLUP_CHANGES, rows)


def add_to_totals(rows: sql.Composable) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of domain and TOTAL_CHANGES) to the totals of domains."""
    return adding("proxy_domaintotal", ("domain",), TOTAL_CHANGES, rows)


def adding(
    table: str, key: Sequence[str], changes: Mapping[str, sql.SQL], rows: sql.Composable
) -> sql.Composed:
    """The statement that adds `rows` (VALUES or SELECT of `key` and `changes`) to a table, each column as `changes` says."""
    return sql.SQL("INSERT INTO {} ({}) {} ON CONFLICT ({}) DO UPDATE SET {}").format(
        sql.Identifier(table),
        sql.SQL(", ").join(map(sql.Identifier, (*key, *changes))),
        rows,
        sql.SQL(", ").join(map(sql.Identifier, key)),
        sql.SQL(", ").join(
            sql.SQL("{column} = ").format(column=sql.Identifier(column))
            + how.format(table=sql.Identifier(table), column=sql.Identifier(column))
            for column, how in changes.items()
        ),
    )


def upsert(statement: Adding, rows: Sequence[tuple[Any, ...]]) -> None:
    """Add rows, which are sorted by their keys: two batches with the same ones would wait for each other else."""
    with connection.cursor() as cursor:
        cursor.execute(_of_values(statement, len(rows), len(rows[0])), list(chain.from_iterable(rows)))


@lru_cache(maxsize=64)
def _of_values(statement: Adding, rows: int, columns: int) -> str:
    """To compose it takes longer than to run it, and most batches have few rows."""
    row = sql.SQL("({})").format(sql.SQL(", ").join([sql.Placeholder()] * columns))
    return statement(sql.SQL("VALUES ") + sql.SQL(", ").join([row] * rows)).as_string()
