"""The filter on stored exchanges: found by an index where there is one, else by looking at so many rows and no further.

No list reads a partition from end to end: what looks in vain stops after MOST_ROWS rows or MOST_SECONDS, and says how far it came.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.client_keys import keys_called
from proxy.store.models import DomainTotal, Exchange
from proxy.store.models.ids import id_floor, moment_of

MOST_ROWS = 200_000
MOST_SECONDS = 1.0
STEP = 20_000
MOST_DOMAINS = 100
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# Columns without an index, by the attribute of the filter.
_EQUAL = {
    "model": "model",
    "account": "account",
    "person": "user_id",
    "agent": "agent_id",
    "type": "request_type",
    "outcome": "outcome",
    "error_type": "error_type",
    "stop_reason": "stop_reason",
}
_AT_LEAST = {
    "min_cost_usd": "cost_usd",
    "min_duration_ms": "duration_ms",
    "min_first_byte_ms": "first_byte_ms",
}


@dataclass(frozen=True, slots=True)
class Way:
    """A direction through ids: their order, what lies past an id, and what lies up to it."""

    order: str
    past: str
    up_to: str


BACK, FORWARD = Way("-id", "id__lt", "id__gte"), Way("id", "id__gt", "id__lte")


@dataclass(frozen=True, slots=True)
class Found:
    """Rows newest first, or oldest first on the way forward. `older` is the id to go on past, None at the end;
    `looked_back_to` is set where it stopped early.
    """

    rows: list[Exchange]
    older: UUID | None = None
    looked_back_to: datetime | None = None


def find(
    rows: QuerySet[Exchange],
    chosen: Filter,
    before: UUID | None = None,
    size: int = 50,
    skip: int = 0,
    most_rows: int | None = None,
    way: Way = BACK,
) -> Found:
    """The `size` rows of the filter past an id, without the first `skip`; `most_rows` to look at, MOST_ROWS by default."""
    indexed = rows.filter(found_by_index(chosen, timezone.now())).order_by(way.order)
    others = asked_without_index(chosen)
    if others:
        return _look(indexed, others, before, size, skip, MOST_ROWS if most_rows is None else most_rows, way)
    if before is not None:
        indexed = indexed.filter(**{way.past: before})
    if skip:
        # An index alone tells the last id to pass over; with their columns they would all be read.
        passed = list(indexed.values_list("id", flat=True)[skip - 1 : skip])
        indexed = indexed.filter(**{way.past: passed[0]}) if passed else indexed.none()
    found = list(indexed[: size + 1])
    return Found(found[:size], found[size - 1].id if len(found) > size else None)


def latest_where(rows: QuerySet[Exchange], chosen: Filter, others: Q, size: int, looked_at: int) -> Found:
    """The newest of a filter of which `others` hold too, among so many rows: no index knows these."""
    indexed = rows.filter(found_by_index(chosen, timezone.now())).order_by(BACK.order)
    # By their ids: a short range of ids PostgreSQL takes for a single row, and reads of all domains.
    ids = list(indexed.values_list("id", flat=True)[:looked_at])
    wanted = rows.filter(id__in=ids).filter(asked_without_index(chosen) & others).order_by(BACK.order)
    found = list(wanted[:size])
    return Found(found, None, moment_of(ids[-1]) if len(ids) == looked_at and len(found) < size else None)


def is_domain(typed: str) -> bool:
    """Whether it is the whole name of a domain with traffic, and no part of one."""
    return narrowed.rows(DomainTotal).filter(domain=typed).exists()


def domains_like(typed: str) -> list[str]:
    """The domain of this name, else those that have the text in their name, the latest ones."""
    if not typed or is_domain(typed):
        return [typed]
    like = narrowed.rows(DomainTotal).filter(domain__contains=typed).order_by("-last_at")
    return list(like.values_list("domain", flat=True)[:MOST_DOMAINS]) or [typed]


def domain_is(typed: str) -> Q:
    """The rows of the domains that are meant by a name or a part of one."""
    names = domains_like(typed)
    return Q(domain=names[0]) if len(names) == 1 else Q(domain__in=names)


def slowest(rows: QuerySet[Exchange], chosen: Filter, size: int, most_rows: int) -> Found:
    """Those that took longest among the newest `most_rows` of the filter: no index knows durations."""
    indexed, others, found = (
        rows.filter(found_by_index(chosen, timezone.now())),
        asked_without_index(chosen),
        list[Exchange](),
    )
    back_to = None
    for stretch, oldest in stretches(indexed, None, most_rows):
        back_to = oldest
        found += stretch.filter(others).order_by("-duration_ms", "-id")[:size]
    found.sort(key=lambda row: -row.duration_ms)
    return Found(found[:size], None, moment_of(back_to) if back_to else None)


def asked_of_exchanges(chosen: Filter, now: datetime) -> Q:
    """All of a filter, for whoever has so few exchanges that it needs no index."""
    return found_by_index(chosen, now) & asked_without_index(chosen)


def _look(
    indexed: QuerySet[Exchange],
    others: Q,
    before: UUID | None,
    size: int,
    skip: int,
    most_rows: int,
    way: Way,
) -> Found:
    """Through what the indexes give, until the page is full or the bounds are reached."""
    found: list[Exchange] = []
    wanted, back_to = skip + size + 1, None
    for stretch, oldest in stretches(indexed, before, most_rows, way):
        back_to = oldest
        found += stretch.filter(others)[: wanted - len(found)]
        if len(found) >= wanted:
            break
    rows = found[skip : skip + size]
    if len(found) >= wanted:
        return Found(rows, rows[-1].id)
    return Found(rows, back_to, moment_of(back_to)) if back_to else Found(rows)


def stretches(
    indexed: QuerySet[Exchange], before: UUID | None, most_rows: int, way: Way = BACK
) -> Iterator[tuple[QuerySet[Exchange], UUID | None]]:
    """What the indexes give, in the order of the way, STEP rows at a time up to `most_rows` or MOST_SECONDS.

    Beside each the id that it goes to, None for the last one there is.
    """
    looked, ends_at = 0, time.monotonic() + MOST_SECONDS
    while True:
        rest = indexed if before is None else indexed.filter(**{way.past: before})
        before = next(iter(rest.values_list("id", flat=True)[STEP - 1 : STEP]), None)
        yield rest.filter(**{way.up_to: before}) if before else rest, before
        looked += STEP
        if before is None or looked >= most_rows or time.monotonic() > ends_at:
            return


def in_period_and_domain(chosen: Filter, now: datetime) -> Q:
    """What every table by month can be asked: ids hold their time, so a period is a range of them."""
    bounds, found = chosen.bounds(now), Q()
    if bounds.since:
        found &= Q(id__gte=_id_from(bounds.since))
    if bounds.until:
        found &= Q(id__lt=_id_from(bounds.until))
    if chosen.domain:
        found &= domain_is(chosen.domain)
    return found


def found_by_index(chosen: Filter, now: datetime) -> Q:
    """What indexes can be asked of a filter."""
    found = in_period_and_domain(chosen, now)
    return found & Q(session_id=chosen.session) if chosen.session else found


def _id_from(moment: datetime) -> UUID:
    """The lowest id of a moment; ids count from 1970."""
    return id_floor(max(moment, EPOCH))


def asked_without_index(chosen: Filter) -> Q:
    """What rows have to be looked at for."""
    found = Q()
    for attribute, column in _EQUAL.items():
        if value := getattr(chosen, attribute):
            found &= Q(**{column: value})
    for attribute, column in _AT_LEAST.items():
        if (least := getattr(chosen, attribute)) is not None:
            found &= Q(**{f"{column}__gte": least})
    if chosen.client_key:
        found &= Q(client_key__in=[chosen.client_key, *map(str, keys_called(chosen.client_key))])
    if chosen.tool:
        found &= Q(tool_names__contains=[chosen.tool])
    if chosen.status.endswith("xx"):
        hundred = int(chosen.status[0]) * 100
        found &= Q(status__gte=hundred, status__lt=hundred + 100)
    elif chosen.status:
        found &= Q(status=int(chosen.status))
    return found
