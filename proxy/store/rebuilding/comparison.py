"""What sums lack of the rows, or have too much: what all comparisons share.

A difference is found by one statement, kept in a table of this session, and added later: ingest goes on meanwhile.
"""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db import connection
from psycopg import sql

from proxy.metrics import BY_NAME, SUMS, Unit
from proxy.store.models import CLOCK_SLACK

# Millions of rows are grouped in memory rather than sorted on disk.
WORK_MEM = "SET LOCAL work_mem = '256MB'"


Parameters = dict[str, datetime | str | float | list[datetime]]


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours from `start` to before `end`; `domain` is the one that they are looked at for, "" for all."""

    start: datetime
    end: datetime
    domain: str = ""

    @property
    def parameters(self) -> Parameters:
        """With the ids that exchanges of these hours may have."""
        return {
            "start": self.start,
            "end": self.end,
            "domain": self.domain,
            "lowest": self.start - CLOCK_SLACK,
            "highest": self.end + CLOCK_SLACK,
        }


def columns_of(template: str, names: tuple[str, ...]) -> sql.Composed:
    """The template for each name, by commas."""
    return sql.SQL(", ").join(sql.SQL(template).format(name=sql.Identifier(name)) for name in names)


def selected(expressions: dict[str, str]) -> sql.Composed:
    """Each expression under its name, by commas."""
    return sql.SQL(", ").join(
        sql.SQL(f"{text} AS {{}}").format(sql.Identifier(name)) for name, text in expressions.items()
    )


def _is_usd(name: str) -> bool:
    return BY_NAME[name].unit is Unit.USD


# Counts as whole numbers: PostgreSQL's sum of them is a numeric, several times as slow in each later step.
SUMMED = sql.SQL(", ").join(
    sql.SQL("sum({name})" if _is_usd(name) else "sum({name})::bigint").format(name=sql.Identifier(name))
    + sql.SQL(" AS {}").format(sql.Identifier(name))
    for name in SUMS
)
ANY = sql.SQL(" OR ").join(sql.SQL("{} <> 0").format(sql.Identifier(name)) for name in SUMS)
WINDOW = """
    id >= nexus_uuid_floor(%(lowest)s) AND id < nexus_uuid_floor(%(highest)s) AND started_at >= %(start)s AND started_at < %(end)s
"""
OF_WINDOW = "hour >= %(start)s AND hour < %(end)s"
# What one side, `stated`, has more than the other one, `counted`.
LESS = columns_of("coalesce(stated.{name}, 0) - coalesce(counted.{name}, 0) AS {name}", SUMS)

Sums = dict[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class Difference:
    """What has to be added to the `rows` sums of an hour, a day or a domain, so that they say what the exchanges say."""

    of: datetime | date | str
    rows: int
    sums: Sums


@dataclass(frozen=True, slots=True)
class DifferenceTable:
    """What the sums of hours have to gain, in a table of this session alone; `like` is the query whose columns it has."""

    name: str
    like: str

    @contextmanager
    def opened(self) -> Iterator[None]:
        """It is there, and empty."""
        self._drop()
        with connection.cursor() as cursor:
            cursor.execute(f"CREATE TEMP TABLE {self.name} AS {self.like} WITH NO DATA")
        try:
            yield
        finally:
            self._drop()

    def leave(self, hours: Collection[datetime]) -> None:
        """Take hours out again."""
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.name} WHERE hour = ANY(%s)", [list(hours)])  # noqa: S608 - our names

    def forget(self, window: Window) -> None:
        """Take all hours of a window out again."""
        with connection.cursor() as cursor:
            cursor.execute(f"DELETE FROM {self.name} WHERE {OF_WINDOW}", window.parameters)  # noqa: S608 - our names

    def hours(self, window: Window) -> list[Difference]:
        """The hours that differ."""
        return read_differences("hour", f"{self.name} WHERE {OF_WINDOW}", SUMS, window.parameters)

    def _drop(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TABLE IF EXISTS pg_temp.{self.name}")


def read_differences(
    key: str, table: str, names: tuple[str, ...], parameters: Mapping[str, Any]
) -> list[Difference]:
    """What a table of differences holds, summed up by `key`."""
    sums = ", ".join(f"sum({name})" for name in names)
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {key}, count(*), {sums} FROM {table} GROUP BY {key} ORDER BY {key}",  # noqa: S608 - our names
            parameters,
        )
        return [Difference(row[0], row[1], _plain(names, row[2:])) for row in cursor.fetchall()]


def _plain(names: tuple[str, ...], values: tuple[Decimal, ...]) -> Sums:
    """What is not zero; counts as integers."""
    pairs = (
        (name, value if _is_usd(name) else int(value)) for name, value in zip(names, values, strict=True)
    )
    return {name: value for name, value in pairs if value}
