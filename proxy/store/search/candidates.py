"""Which rows have all terms of a query, by their numbers, newest first. Two words may share a number, so a row is looked at again.

Left to itself the planner walks back through the ids and looks at each row: seconds for a rare word. So there are two stages: the
newest rows one by one, which have enough of any common word, then the index of terms for whatever is older.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from django.db import connection

# Rows that are looked at one by one before the index is asked.
NEWEST = 10_000

_ONE_BY_ONE = {
    "enable_bitmapscan": "off",
    "enable_seqscan": "off",
    "enable_indexscan": "on",
    "enable_indexonlyscan": "on",
}
_BY_TERMS = {
    "enable_bitmapscan": "on",
    "enable_seqscan": "off",
    "enable_indexscan": "off",
    "enable_indexonlyscan": "off",
}

_FLOOR = "SELECT id FROM proxy_text WHERE {where} ORDER BY id DESC OFFSET %s LIMIT 1"
_LOOK = "SELECT id FROM proxy_text WHERE {where} AND ({terms}) ORDER BY id DESC LIMIT %s"
# The newest rows of some domains: each has an index that gives its own.
_FLOOR_OF_DOMAINS = """
SELECT newest.id FROM unnest(%s::text[]) AS wanted (domain), LATERAL (
    SELECT id FROM proxy_text WHERE domain = wanted.domain AND id >= %s AND id < %s ORDER BY id DESC LIMIT %s
) AS newest ORDER BY newest.id DESC OFFSET %s LIMIT 1
"""
_LOOK_IN_DOMAINS = """
SELECT found.id FROM unnest(%s::text[]) AS wanted (domain), LATERAL (
    SELECT id FROM proxy_text WHERE domain = wanted.domain AND {where} AND ({terms}) ORDER BY id DESC LIMIT %s
) AS found ORDER BY found.id DESC LIMIT %s
"""
_ASK_INDEX = """
WITH hit AS MATERIALIZED (SELECT id FROM proxy_text WHERE {where} AND ({terms})) SELECT id FROM hit ORDER BY id DESC LIMIT %s
"""
_OF_CONVERSATION = """
SELECT id FROM proxy_turn AS turn JOIN proxy_text USING (id)
WHERE turn.conversation = %s AND turn.id >= %s AND turn.id < %s AND {where} AND ({terms}) ORDER BY id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Ids from `low` to before `high`, within one month, and who or what is meant; `domains` and `conversation` are None for all.

    `terms` are the query's numbers, for each key that rows of the month may have been made under.
    """

    low: UUID
    high: UUID
    terms: Sequence[Sequence[int]]
    domains: Sequence[str] | None = None
    conversation: UUID | None = None


@dataclass(frozen=True, slots=True)
class Candidates:
    """Ids newest first, all that there are from `down_to` on."""

    ids: list[UUID]
    down_to: UUID


def newest(stretch: Stretch, most: int) -> Candidates:
    """Of the newest rows; within a transaction."""
    if stretch.conversation:
        return _of_conversation(stretch, most)
    _plan(_ONE_BY_ONE)
    if stretch.domains is not None:
        return _of_domains(stretch, list(stretch.domains), most)
    floor = _ids(_FLOOR.format(where=_where(stretch)), [stretch.low, stretch.high, NEWEST - 1])
    return _found(_LOOK, replace(stretch, low=floor[0] if floor else stretch.low), most)


def indexed(stretch: Stretch, most: int) -> Candidates:
    """Of all rows, by the index of terms; within a transaction."""
    _plan(_BY_TERMS)
    return _found(_ASK_INDEX, stretch, most)


def _of_domains(stretch: Stretch, domains: list[str], most: int) -> Candidates:
    floor = _ids(_FLOOR_OF_DOMAINS, [domains, stretch.low, stretch.high, NEWEST, NEWEST - 1])
    low = floor[0] if floor else stretch.low
    return _found(_LOOK_IN_DOMAINS, replace(stretch, low=low, domains=None), most, [domains], [most])


def _of_conversation(stretch: Stretch, most: int) -> Candidates:
    _plan(_ONE_BY_ONE)
    turns = [stretch.conversation, stretch.low, stretch.high]
    return _found(_OF_CONVERSATION, stretch, most, turns)


def _found(
    statement: str, stretch: Stretch, most: int, before: Sequence[Any] = (), after: Sequence[Any] = ()
) -> Candidates:
    terms = " OR ".join(["terms @> %s::int[]"] * len(stretch.terms))
    numbers = [list(numbers) for numbers in stretch.terms]
    sql = statement.format(where=_where(stretch), terms=terms)
    ids = _ids(sql, [*before, *_range(stretch), *numbers, most, *after])
    return Candidates(ids, ids[-1] if len(ids) == most else stretch.low)


def _where(stretch: Stretch) -> str:
    where = "proxy_text.id >= %s AND proxy_text.id < %s"
    if stretch.domains is None:
        return where
    return f"{where} AND proxy_text.domain = {'%s' if len(stretch.domains) == 1 else 'ANY(%s)'}"


def _range(stretch: Stretch) -> list[Any]:
    if stretch.domains is None:
        return [stretch.low, stretch.high]
    domains = stretch.domains
    return [stretch.low, stretch.high, domains[0] if len(domains) == 1 else list(domains)]


def _plan(ways: dict[str, str]) -> None:
    """How the planner may read tables, until the end of the transaction."""
    with connection.cursor() as cursor:
        cursor.execute("; ".join(f"SET LOCAL {name} = {value}" for name, value in ways.items()))


def _ids(sql: str, parameters: Sequence[Any]) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return [row[0] for row in cursor.fetchall()]
