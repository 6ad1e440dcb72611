"""Sums of conversations by agent and UTC hour: a row for each hour in which an agent ran.

Such a row lies in the month of its exchanges and goes with it. Whoever writes one holds the row of its conversation, so that
PostgreSQL can count a conversation anew (`nexus_count_hours`) while others go on.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import NamedTuple
from uuid import UUID

from django.db import connection
from psycopg import sql

from proxy.metrics import BY_NAME, SUMS, Unit
from proxy.store.models import Exchange
from proxy.store.sums.adding import PLAIN_CHANGES, adding, upsert
from proxy.store.sums.breakdowns import Sums, sums_of
from proxy.store.sums.definitions import SUMS_TOGETHER_IN_SQL

_HOUR_MS = 3_600_000
_OF = ("conversation", "agent", "domain")
_CHANGES = dict.fromkeys(_OF, sql.SQL("{table}.{column}")) | PLAIN_CHANGES


class _Hour(NamedTuple):
    id: UUID
    conversation: UUID
    agent: str
    domain: str


def hour_id(exchange: UUID, conversation: UUID, agent: str) -> UUID:
    """The row in which an exchange counts. `nexus_hour_id` says the same in PostgreSQL."""
    moment_ms = exchange.int >> 80
    hashed = md5(f"{conversation}{agent}".encode(), usedforsecurity=False).hexdigest()
    return UUID(f"{moment_ms - moment_ms % _HOUR_MS:012x}{hashed[:20]}")


def add(turns: Iterable[tuple[Exchange, UUID]]) -> None:
    """Add exchanges that were never added, each with its conversation."""
    _write((_hour(row, conversation), sums_of(row, kept=True)) for row, conversation in turns)


def replace(old: Iterable[Exchange], new: Iterable[Exchange], conversations: Mapping[UUID, UUID]) -> None:
    """Count exchanges as they are now in place of how they were; `conversations` by exchange, of those that have one."""
    changes = [
        (_hour(row, conversations[row.id]), sums_of(row, kept=True)) for row in new if row.id in conversations
    ]
    changes += [
        (_hour(row, conversations[row.id]), [-number for number in sums_of(row, kept=True)])
        for row in old
        if row.id in conversations
    ]
    _write(changes)


def _hour(row: Exchange, conversation: UUID) -> _Hour:
    return _Hour(hour_id(row.id, conversation, row.agent_id), conversation, row.agent_id, row.domain)


def _write(changes: Iterable[tuple[_Hour, Sums]]) -> None:
    found: defaultdict[_Hour, list[Sums]] = defaultdict(list)
    for hour, sums in changes:
        found[hour].append(sums)
    rows = [
        (*hour, *(parts[0] if len(parts) == 1 else map(sum, zip(*parts, strict=True))))
        for hour, parts in sorted(found.items())
    ]
    if rows:
        upsert(_add, rows)


def _add(rows: sql.Composable) -> sql.Composed:
    return adding("proxy_conversationhour", ("id",), _CHANGES, rows)


_SOURCE = "SELECT prosrc FROM pg_proc WHERE oid = to_regprocedure('nexus_add_hours(text, uuid[], uuid, uuid, uuid[])')"


def follow() -> None:
    """After `migrate`: make the function of PostgreSQL that counts hours for all sums that there are."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('proxy_conversationhour') IS NOT NULL")
        is_there = cursor.fetchone() == (True,)
        cursor.execute(_SOURCE)
        if is_there and cursor.fetchone() != (_BODY,):
            cursor.execute(_FUNCTION)


def _summed(name: str) -> str:
    kind = "" if BY_NAME[name].unit is Unit.USD else "::bigint"
    return f"sum({SUMS_TOGETHER_IN_SQL[name]}){kind} AS {name}"


def counted(turns: str, exchanges: str) -> str:
    """The query that counts stored exchanges, in the order of COLUMNS, by a condition on turns and the bounds of their months.

    PostgreSQL takes a part of a month for a single row, and would read it once for each turn.
    """
    return f"""
SELECT nexus_hour_id(exchange.id, conversation, agent_id) AS id, conversation, agent_id AS agent, min(domain) AS domain,
    {", ".join(map(_summed, SUMS))}
FROM (SELECT id, conversation FROM proxy_turn WHERE {turns}) AS turn JOIN proxy_exchange AS exchange USING (id)
WHERE {exchanges} GROUP BY 1, 2, 3
"""  # noqa: S608 - our names


COLUMNS = ("id", *_OF, *SUMS)
_COUNTED = counted(
    "id >= %2$L AND id < %3$L AND ($1 IS NULL OR conversation = ANY ($1)) AND ($2 IS NULL OR id = ANY ($2))",
    "exchange.id >= %4$L AND exchange.id < %5$L",
)
# From `low` to before `high`: constants, so that no month beside theirs is read or locked. Null for `wanted` or `kept` is all.
_BODY = f"""
DECLARE
    rows bigint;
BEGIN
    EXECUTE format($hours$
    INSERT INTO %1$I ({", ".join(COLUMNS)}) {_COUNTED}
    $hours$, target, low, high, nexus_month_floor(low), nexus_month_ceiling(high)) USING wanted, kept;
    GET DIAGNOSTICS rows = ROW_COUNT;
    RETURN rows;
END
"""
_FUNCTION = (
    "CREATE OR REPLACE FUNCTION nexus_add_hours(target text, wanted uuid[], low uuid, high uuid, kept uuid[])"
    f" RETURNS bigint LANGUAGE plpgsql AS $${_BODY}$$"
)
