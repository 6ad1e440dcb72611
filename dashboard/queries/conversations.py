"""Lists of conversations in four orders by keyset, and one of them by whatever name people have for it."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from django.db.models import F, Q, QuerySet
from django.db.models.fields.tuple_lookups import Tuple, TupleGreaterThanOrEqual, TupleLessThan
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.filtering import MOST_ROWS, MOST_SECONDS, STEP, domain_is
from proxy.conversations.tree import Place
from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.conversations.loading import Loaded, load
from proxy.store.conversations.sums import title_of
from proxy.store.models import Conversation, DomainTotal, Exchange, FormerConversation, Turn

# Columns by the names of sorts in addresses; each has an index.
SORTS = {"activity": "last_at", "cost": "cost_usd", "turns": "turns", "failed": "failed"}
DEFAULT_SORT = "activity"
_EQUAL = {"client_key": "client_key", "person": "person"}
# What a row can be filtered by; a period is that of the last activity.
SERVED = ("period", "from", "to", "zone", "domain", "model", "clientKey", "person", "session")
_READERS: Mapping[str, Callable[[str], Any]] = {
    "last_at": datetime.fromisoformat,
    "cost_usd": Decimal,
    "turns": int,
    "failed": int,
}
# A session whose last turn ended so long ago still runs: most often its tools do.
ACTIVE_SECONDS = 120
LONGEST_TURN = timedelta(hours=1)
# Of the turns before and after one.
MOST_NEAR = 150


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where a list goes on: after the row with this value of its sort and this id."""

    value: Any
    id: UUID

    def __str__(self) -> str:
        value = self.value.isoformat() if isinstance(self.value, datetime) else self.value
        return f"{value}_{self.id}"


@dataclass(frozen=True, slots=True)
class Page:
    """Rows in the order of the sort. `older` goes on; `stopped` says that the looking ended before the page was full."""

    rows: list[Conversation]
    older: Cursor | None = None
    stopped: bool = False


def cursor_of(text: str, sort: str) -> Cursor:
    """A cursor of a list with this sort; ValueError for anything else."""
    value, _, identity = text.rpartition("_")
    try:
        return Cursor(_READERS[SORTS[sort]](value), UUID(identity))
    except (ValueError, InvalidOperation) as error:
        raise ValueError(f"it goes on no list that is sorted by {sort}") from error


def page(
    chosen: Filter,
    sort: str = DEFAULT_SORT,
    before: Cursor | None = None,
    size: int = 50,
    skip: int = 0,
) -> Page:
    """The `size` conversations of a filter after a cursor, without the first `skip`."""
    column = SORTS[sort]
    rows = Conversation.objects.filter(_indexed(chosen, column)).order_by(f"-{column}", "-id")
    others = _others(chosen, column)
    wanted = skip + size + 1
    if others:
        found, reached = _look(rows, others, column, before, wanted)
    else:
        found, reached = list(_after(rows, column, before)[:wanted]), None
    found = found[skip:]
    if len(found) > size:
        return Page(found[:size], _cursor(found[size - 1], column))
    return Page(found, reached, stopped=reached is not None)


def find(conversation: UUID) -> Conversation | None:
    """One of them."""
    return Conversation.objects.filter(id=conversation).first()


def known(ids: Collection[UUID]) -> dict[UUID, Conversation]:
    """Those of these that there are."""
    return Conversation.objects.in_bulk(ids) if ids else {}


def named(name: str, most: int = 2) -> list[Conversation]:
    """Those of a session's id, or that the predecessor called so; no more than so many."""
    if not name:
        return []
    return list(Conversation.objects.filter(_called(name.replace("\x00", ""))).order_by("-last_at")[:most])


def _called(name: str) -> Q:
    """The conversations of a session, or, by the predecessor's name, what it became."""
    former = _former(name)
    return Q(session_id=name) | Q(id__in=former) if former else Q(session_id=name)


def _former(name: str) -> list[UUID]:
    try:
        former = UUID(name)
    except ValueError:
        return []
    return list(FormerConversation.objects.filter(former=former).values_list("conversation", flat=True))


def id_of(exchange: UUID) -> UUID | None:
    """The conversation that an exchange is a turn of, None for one that is none."""
    return Turn.objects.filter(id=exchange).values_list("conversation", flat=True).first()


def ids_of(exchanges: Collection[UUID]) -> dict[UUID, UUID]:
    """The conversations of many, for those that are turns of one."""
    turns = (
        Turn.objects.filter(id__in=exchanges, id__gte=min(exchanges), id__lte=max(exchanges))
        if exchanges
        else None
    )
    return {} if turns is None else dict(turns.values_list("id", "conversation"))


def of_exchange(exchange: UUID) -> Loaded | None:
    """The same with all its turns."""
    known = id_of(exchange)
    row = find(known) if known else None
    return load(row) if row else None


@dataclass(frozen=True, slots=True)
class Near:
    """A turn of the same conversation; `number` counts from 1."""

    number: int
    place: Place
    started_at: datetime


@dataclass(frozen=True, slots=True)
class Position:
    """Where a turn stands in its conversation; `number` counts from 1, `next` goes on from it.

    `others` are the turns around it in their order, without itself.
    """

    conversation: Conversation
    place: Place
    number: int
    next: UUID | None
    others: Sequence[Near]


def position(exchange: UUID) -> Position | None:
    """That of an exchange; of several turns that go on from it the next is the one on the lowest branch."""
    found = of_exchange(exchange)
    places = found.tree.places if found else ()
    numbered = {place.id: (number, place) for number, place in enumerate(places, start=1)}
    if found is None or exchange not in numbered:
        return None
    number, place = numbered[exchange]
    children = [other for other in places if (other.parent, other.agent_id) == (exchange, place.agent_id)]
    following = min(
        children, key=lambda child: (child.kind is not place.kind, child.branch, child.id), default=None
    )
    others = _near(found, number)
    return Position(found.conversation, place, number, following.id if following else None, others)


def _near(found: Loaded, number: int) -> list[Near]:
    around = list(enumerate(found.tree.places, start=1))[max(0, number - 1 - MOST_NEAR) : number + MOST_NEAR]
    return [
        Near(other, place, found.exchanges[place.id].started_at) for other, place in around if other != number
    ]


def title(row: Conversation) -> str:
    """The first words of its person, "" where nobody has them any more or can read them. For readers of bodies alone."""
    try:
        return title_of(row)
    except KeyUnavailable:
        return ""


def rests(rows: Sequence[Conversation], now: datetime) -> dict[UUID, int]:
    """For how many seconds the last turn of each has ended, of those whose turn began within an hour."""
    recent = {row.last_id: row.id for row in rows if now - row.last_at < LONGEST_TURN}
    if not recent:
        return {}
    turns = Exchange.objects.filter(id__in=recent, id__gte=min(recent), id__lte=max(recent))
    ends = turns.values_list("id", "started_at", "duration_ms")
    return {
        recent[id_]: max(0, int((now - started - timedelta(milliseconds=lasted)).total_seconds()))
        for id_, started, lasted in ends
    }


def are_missing() -> bool:
    """Whether exchanges are stored and no conversation is: those of before there were any."""
    return not Conversation.objects.exists() and DomainTotal.objects.filter(stored__gt=0).exists()


def of_domain(chosen: Filter) -> Q:
    """What a filter asks of a row by its domain."""
    return domain_is(chosen.domain) if chosen.domain else Q()


def _indexed(chosen: Filter, column: str) -> Q:
    found = _period(chosen) if column == SORTS["activity"] else Q()
    if chosen.domain:
        found &= domain_is(chosen.domain)
    if chosen.session:
        found &= _called(chosen.session)
    return found


def _others(chosen: Filter, column: str) -> Q:
    """What no index of this order tells."""
    found = Q() if column == SORTS["activity"] else _period(chosen)
    for attribute, name in _EQUAL.items():
        if value := getattr(chosen, attribute):
            found &= Q(**{name: value})
    if chosen.model:
        found &= Q(model_names__contains=[chosen.model])
    return found


def _period(chosen: Filter) -> Q:
    bounds, found = chosen.bounds(timezone.now()), Q()
    if bounds.since:
        found &= Q(last_at__gte=bounds.since)
    if bounds.until:
        found &= Q(last_at__lt=bounds.until)
    return found


def _look(
    rows: QuerySet[Conversation], others: Q, column: str, before: Cursor | None, wanted: int
) -> tuple[list[Conversation], Cursor | None]:
    """Step by step through the order until there are enough, or the bounds are reached: then also where."""
    found: list[Conversation] = []
    looked, ends_at = 0, time.monotonic() + MOST_SECONDS
    while len(found) < wanted:
        stretch = _after(rows, column, before)
        last = [Cursor(*row) for row in stretch.values_list(column, "id")[STEP - 1 : STEP]]
        part = stretch.filter(TupleGreaterThanOrEqual(_pair(column), _values(last[0]))) if last else stretch
        found += part.filter(others)[: wanted - len(found)]
        if not last:
            return found, None
        before, looked = last[0], looked + STEP
        if looked >= MOST_ROWS or time.monotonic() > ends_at:
            break
    return found, before


def _after(rows: QuerySet[Conversation], column: str, before: Cursor | None) -> QuerySet[Conversation]:
    return rows.filter(TupleLessThan(_pair(column), _values(before))) if before else rows


def _pair(column: str) -> Tuple:
    return Tuple(F(column), F("id"))


def _values(cursor: Cursor) -> Sequence[Any]:
    return (cursor.value, cursor.id)


def _cursor(row: Conversation, column: str) -> Cursor:
    return Cursor(getattr(row, column), row.id)


def latest(sessions: Sequence[str]) -> list[Conversation]:
    """Of each of these sessions the conversation that was active last; none for one that is not stored."""
    rows = Conversation.objects.filter(session_id__in=[name for name in sessions if name])
    return list({row.session_id: row for row in rows.order_by("last_at")}.values())
