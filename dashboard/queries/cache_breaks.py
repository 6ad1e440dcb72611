"""Cache breaks of a period: a list of them, and their sums by cause and by client key. No word of people is in them.

The newest MOST of a period and its domains are looked at, each by its id; what exchanges know is asked of these alone.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Count, Sum
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries import client_keys
from dashboard.queries.filtering import asked_of_exchanges, in_period_and_domain
from proxy.store.models import CacheBreak, Exchange, moment_of

MOST = 10_000
OWN = ("period", "from", "to", "zone", "domain")
OF_EXCHANGES = ("model", "account", "clientKey", "person", "session", "agent")
SERVED = (*OWN, *OF_EXCHANGES)


class Sort(StrEnum):
    """In which order, greatest first; a break whose price is not known is the cheapest."""

    AVOIDABLE = "avoidableUsd"
    LOST = "lostTokens"
    NEWEST = "newest"


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
    """Breaks in their order, and all of the filter in sums, the dearest first; `by_cause` is of every cause.

    `looked_back_to` is set where there were more than MOST: older ones are neither listed nor summed.
    """

    breaks: list[Broken]
    total: Lost
    by_cause: Mapping[str, Lost]
    by_client_key: Mapping[str, Lost]
    looked_back_to: datetime | None = None


_ORDER: Mapping[Sort, Callable[[Broken], Any]] = {
    Sort.AVOIDABLE: lambda found: (found.row.avoidable_usd or Decimal(0), found.row.id),
    Sort.LOST: lambda found: (found.row.lost_tokens, found.row.id),
    Sort.NEWEST: lambda found: found.row.id,
}


def find(chosen: Filter, cause: str = "", sort: Sort = Sort.AVOIDABLE) -> Found:
    """The breaks of a filter, of one cause if it is given."""
    rows, looked_back_to = _newest(chosen)
    known = _exchanges(chosen, rows)
    fitting = [Broken(row, *known[row.id]) for row in rows if row.id in known]
    listed = [found for found in fitting if cause in ("", found.row.cause)]
    return Found(
        sorted(listed, key=_ORDER[sort], reverse=True),
        _together(listed),
        _split(fitting, lambda found: found.row.cause),
        _split(listed, lambda found: found.client_key),
        looked_back_to,
    )


def in_sum(chosen: Filter) -> Lost | None:
    """What a period and its domains lost, from breaks alone; None where the filter asks for more than that."""
    if chosen.only(OWN) != chosen:
        return None
    rows = CacheBreak.objects.filter(in_period_and_domain(chosen, timezone.now())).order_by("-id")[:MOST]
    sums = rows.aggregate(
        breaks=Count("id"),
        tokens=Sum("lost_tokens", default=0),
        avoidable_usd=Sum("avoidable_usd", default=Decimal(0)),
    )
    return Lost(**sums)


def _newest(chosen: Filter) -> tuple[list[CacheBreak], datetime | None]:
    rows = list(
        CacheBreak.objects.filter(in_period_and_domain(chosen, timezone.now())).order_by("-id")[: MOST + 1]
    )
    if len(rows) <= MOST:
        return rows, None
    return rows[:MOST], moment_of(rows[MOST - 1].id)


def _exchanges(chosen: Filter, rows: list[CacheBreak]) -> dict[UUID, tuple[datetime, str, str]]:
    """Of those exchanges that fit the filter: when they began, their model, and what their client key is called."""
    if not rows:
        return {}
    asked = asked_of_exchanges(chosen.only(OF_EXCHANGES), timezone.now())
    # The bounds keep other months out of the plan.
    bounds = {"id__lte": rows[0].id, "id__gte": rows[-1].id}
    fitting = Exchange.objects.filter(asked, **bounds, id__in=[row.id for row in rows])
    found = list(fitting.values_list("id", "started_at", "model", "client_key"))
    names = client_keys.names_of(key for *_, key in found)
    return {id_: (began, model, names.get(key, key)) for id_, began, model, key in found}


def _split(breaks: Iterable[Broken], by: Callable[[Broken], str]) -> dict[str, Lost]:
    groups: dict[str, list[Broken]] = defaultdict(list)
    for found in breaks:
        groups[by(found)].append(found)
    sums = {name: _together(parts) for name, parts in groups.items()}
    return dict(sorted(sums.items(), key=lambda item: (-item[1].avoidable_usd, -item[1].tokens, item[0])))


def _together(breaks: list[Broken]) -> Lost:
    rows = [found.row for found in breaks]
    return Lost(
        len(rows),
        sum(row.lost_tokens for row in rows),
        sum((row.avoidable_usd or Decimal(0) for row in rows), Decimal(0)),
    )
