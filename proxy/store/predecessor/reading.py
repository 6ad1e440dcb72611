"""The predecessor's rows, read without a trace: one read-only transaction, one cursor on its server."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from accounts.secrets.masking import mask_text
from proxy.store.predecessor import schema
from proxy.store.predecessor.rows import Row
from proxy.store.predecessor.schema import Schema

_CONNECT_SECONDS = 15


class SourceError(Exception):
    """The predecessor's database cannot be read; the message says why, without its password."""


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows are wanted."""

    domains: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None


class Source:
    """An open database of the predecessor."""

    def __init__(self, connection: psycopg.Connection[Row], choice: Choice) -> None:
        self._connection = connection
        self.schema: Schema = schema.find(connection)
        self._where, self._values = _where(choice, self.schema)

    def rows(self, batch: int) -> Iterator[list[Row]]:
        """The rows, oldest first."""
        query = sql.SQL("SELECT {} FROM api_requests {} ORDER BY timestamp, request_id")
        with self._connection.cursor("nexus_import") as cursor:
            cursor.execute(query.format(self.schema.select(), self._where), self._values)
            while rows := cursor.fetchmany(batch):
                yield rows

    def by_month(self) -> dict[str, int]:
        """How many rows each month (UTC) has."""
        query = sql.SQL(
            "SELECT coalesce(to_char(timestamp, 'YYYY-MM'), 'none') AS month, count(*) AS count"
            " FROM api_requests {} GROUP BY 1 ORDER BY 1"
        )
        return {
            row["month"]: row["count"]
            for row in self._connection.execute(query.format(self._where), self._values)
        }


@contextmanager
def opened(address: str, choice: Choice) -> Iterator[Source]:
    """Connect, look which form of the table is there, and read within one snapshot."""
    try:
        with psycopg.connect(
            address, row_factory=dict_row, connect_timeout=_CONNECT_SECONDS, options="-c TimeZone=UTC"
        ) as connection:
            connection.read_only = True
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            yield Source(connection, choice)
            connection.rollback()
    except psycopg.Error as error:
        raise SourceError(mask_text(str(error).strip())) from None


def _where(choice: Choice, found: Schema) -> tuple[sql.Composable, list[object]]:
    parts: list[sql.Composable] = []
    values: list[object] = []
    if choice.domains:
        parts.append(sql.SQL("{} = ANY(%s)").format(sql.Identifier(found.tenant)))
        values.append(list(choice.domains))
    for operator, moment in ((">=", choice.since), ("<", choice.until)):
        if moment:
            parts.append(sql.SQL("timestamp " + operator + " %s"))
            values.append(moment)
    if not parts:
        return sql.SQL(""), values
    return sql.SQL("WHERE {}").format(sql.SQL(" AND ").join(parts)), values
