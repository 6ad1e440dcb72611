"""Cache breaks of a period: a list of them, and their sums by cause and by client key. No word of people is in them.

Bounded: the newest MOST of a period and its domains are looked at by four columns, MOST_ASKED where the filter asks exchanges,
and all that is known is read of the first MOST_LISTED alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, NamedTuple
from uuid import UUID

from django.db.models import Count, QuerySet, Sum
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries import client_keys, narrowed
from dashboard.queries.filtering import asked_of_exchanges, in_period_and_domain
from proxy.store.models import CacheBreak, Exchange, moment_of

MOST, MOST_ASKED, MOST_LISTED = 10_000, 5_000, 1_000
OWN = ("period", "from", "to", "zone", "domain")
OF_EXCHANGES = ("model", "account", "clientKey", "person", "session", "agent")
SERVED = (*OWN, *OF_EXCHANGES)


class Sort(StrEnum):
    """In which order, greatest first; a break whose price is not known is the cheapest."""

    AVOIDABLE = "avoidableUsd"
    LOST = "lostTokens"
    NEWEST = "newest"


class _Brief(NamedTuple):
    """What is summed and sorted by, of each break."""

    id: UUID
    lost_tokens: int
    avoidable_usd: Decimal | None
    cause: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A break, and what its exchange knows; `client_key` is the name of the key, "" without one."""

    row: CacheBreak
    started_at: datetime
    model: str
    client_key: str


@dataclass(frozen=True, slots=True)
class Lost:
    """What breaks lost together; those whose price is not known count in tokens only."""

    breaks: int = 0
    tokens: int = 0
    avoidable_usd: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True)
class Found:
    """The first breaks in their order, and all of the filter in sums, the dearest first; `by_cause` is of every cause.

    `looked_back_to` is set where there were more than could be looked at: older ones are neither listed nor summed.
    """

    breaks: list[Broken]
    total: Lost
    by_cause: Mapping[str, Lost]
    looked_back_to: datetime | None = None

    def by_client_key(self) -> dict[str, Lost]:
        """Of the breaks that are listed."""
        return _split((found.client_key, found.row) for found in self.breaks)


_ORDER: Mapping[Sort, Callable[[_Brief], Any]] = {
    Sort.AVOIDABLE: lambda row: (row.avoidable_usd or Decimal(0), row.id),
    Sort.LOST: lambda row: (row.lost_tokens, row.id),
    Sort.NEWEST: lambda row: row.id,
}


def find(chosen: Filter, cause: str = "", sort: Sort = Sort.AVOIDABLE, limit: int = MOST_LISTED) -> Found:
    """The breaks of a filter, of one cause if it is given."""
    asked = chosen.only(OF_EXCHANGES)
    rows, looked_back_to = _newest(chosen, MOST if asked == Filter() else MOST_ASKED)
    if asked != Filter():
        fitting = _exchanges(asked, [row.id for row in rows])
        rows = [row for row in rows if row.id in fitting]
    wanted = [row for row in rows if cause in ("", row.cause)]
    first = sorted(wanted, key=_ORDER[sort], reverse=True)[:limit]
    return Found(
        _listed([row.id for row in first]),
        together(wanted),
        _split((row.cause, row) for row in rows),
        looked_back_to,
    )


def of_conversation(conversation: UUID) -> list[CacheBreak]:
    """All of one conversation, in the order of their turns."""
    return list(narrowed.rows(CacheBreak).filter(conversation=conversation).order_by("id"))


def in_sum(chosen: Filter) -> Lost | None:
    """What a period and its domains lost, by the newest MOST breaks alone; None where the filter asks for more than that."""
    if chosen.only(OWN) != chosen:
        return None
    sums = _of(chosen)[:MOST].aggregate(
        breaks=Count("id"),
        tokens=Sum("lost_tokens", default=0),
        avoidable_usd=Sum("avoidable_usd", default=Decimal(0)),
    )
    return Lost(**sums)


def _of(chosen: Filter) -> QuerySet[CacheBreak]:
    return narrowed.rows(CacheBreak).filter(in_period_and_domain(chosen, timezone.now())).order_by("-id")


def _newest(chosen: Filter, most: int) -> tuple[list[_Brief], datetime | None]:
    rows = [_Brief(*row) for row in _of(chosen).values_list(*_Brief._fields)[: most + 1]]
    return (rows, None) if len(rows) <= most else (rows[:most], moment_of(rows[most - 1].id))


def _listed(ids: list[UUID]) -> list[Broken]:
    """In this order; one whose exchange is gone meanwhile is left out."""
    known = _exchanges(Filter(), ids)
    rows = narrowed.rows(CacheBreak).filter(id__in=ids, **_bounds(ids)).in_bulk() if ids else {}
    names = client_keys.names_of(key for *_, key in known.values())
    found = ((rows[id_], *known[id_]) for id_ in ids if id_ in rows and id_ in known)
    return [Broken(row, began, model, names.get(key, key)) for row, began, model, key in found]


def _exchanges(asked: Filter, ids: list[UUID]) -> dict[UUID, tuple[datetime, str, str]]:
    """Of those exchanges that fit a filter: when they began, their model and what they say of their client key."""
    if not ids:
        return {}
    fitting = narrowed.rows(Exchange).filter(
        asked_of_exchanges(asked, timezone.now()), **_bounds(ids), id__in=ids
    )
    found = fitting.values_list("id", "started_at", "model", "client_key")
    return {id_: (began, model, key) for id_, began, model, key in found}


def _bounds(ids: list[UUID]) -> dict[str, UUID]:
    """They keep other months out of the plan."""
    return {"id__gte": min(ids), "id__lte": max(ids)}


def _split(rows: Iterable[tuple[str, _Brief | CacheBreak]]) -> dict[str, Lost]:
    groups: dict[str, list[_Brief | CacheBreak]] = defaultdict(list)
    for name, row in rows:
        groups[name].append(row)
    sums = {name: together(parts) for name, parts in groups.items()}
    return dict(sorted(sums.items(), key=lambda item: (-item[1].avoidable_usd, -item[1].tokens, item[0])))


def together(rows: Iterable[_Brief | CacheBreak]) -> Lost:
    """What these lost."""
    rows = list(rows)
    return Lost(
        len(rows),
        sum(row.lost_tokens for row in rows),
        sum((row.avoidable_usd or Decimal(0) for row in rows), Decimal(0)),
    )
