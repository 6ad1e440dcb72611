"""Findings of a period: what a person may want to change in a conversation, newest first, by keyset.

Bounded: of the newest MOST of a period and its domains the kind is looked at, and those that are listed are read whole.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple, Self
from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.filtering import in_period_and_domain
from proxy.store.models import Conversation, Finding, moment_of

MOST = 10_000
SERVED = ("period", "from", "to", "zone", "domain")


class Key(NamedTuple):
    """A place in the list: that of a finding."""

    id: UUID
    place: int

    def __str__(self) -> str:
        return f"{self.id}_{self.place}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """ValueError for what is no such place."""
        id_, _, place = text.partition("_")
        return cls(UUID(id_), int(place))


@dataclass(frozen=True, slots=True)
class OfKind:
    """How many findings there are of a kind, in how many conversations."""

    findings: int
    conversations: int


@dataclass(frozen=True, slots=True)
class Listed:
    """The first findings after a place, and sums of each kind over the whole filter, the most found first.

    `older` is where the list goes on, None at its end. `looked_back_to` is set where there were more than MOST to sum or to list.
    """

    findings: list[Finding]
    by_kind: dict[str, OfKind]
    older: Key | None = None
    looked_back_to: datetime | None = None


class _Brief(NamedTuple):
    """What is looked at of each."""

    id: UUID
    place: int
    kind: str
    conversation: UUID


def newest(chosen: Filter, kind: str = "", limit: int = 100, before: Key | None = None) -> Listed:
    """Those of a filter, of one kind if it is given; a finding is as new as its last turn."""
    rows = (
        narrowed.rows(Finding).filter(in_period_and_domain(chosen, timezone.now())).order_by("-id", "place")
    )
    summed, summed_back_to = _look(rows)
    looked_at, listed_back_to = (
        (summed, summed_back_to) if before is None else _look(rows.filter(_after(before)))
    )
    keys = [Key(row.id, row.place) for row in looked_at if kind in ("", row.kind)]
    older = keys[limit - 1] if len(keys) > limit else None
    if older is None and listed_back_to is not None:
        older = Key(looked_at[-1].id, looked_at[-1].place)
    return Listed(_whole(keys[:limit]), _by_kind(summed), older, summed_back_to or listed_back_to)


def of_conversation(conversation: UUID) -> list[Finding]:
    """All of one conversation, in the order of their last turns."""
    return list(narrowed.rows(Finding).filter(conversation=conversation).order_by("id", "place"))


def counts(rows: Sequence[Conversation]) -> dict[UUID, int]:
    """How many there are in each of these, of those that have any."""
    if not rows:
        return {}
    # The bounds keep other months out of the plan.
    bounds = {"id__gte": min(row.first_id for row in rows), "id__lte": max(row.last_id for row in rows)}
    found = narrowed.rows(Finding).filter(conversation__in=[row.id for row in rows], **bounds)
    return dict(found.values_list("conversation").annotate(count=Count("id")))


def _after(key: Key) -> Q:
    return Q(id__lte=key.id) & (Q(id__lt=key.id) | Q(place__gt=key.place))


def _look(rows: QuerySet[Finding]) -> tuple[list[_Brief], datetime | None]:
    """The first MOST, and how far back they go where there are more."""
    found = [_Brief(*row) for row in rows.values_list(*_Brief._fields)[: MOST + 1]]
    return (found, None) if len(found) <= MOST else (found[:MOST], moment_of(found[MOST - 1].id))


def _by_kind(rows: Sequence[_Brief]) -> dict[str, OfKind]:
    findings = Counter(row.kind for row in rows)
    conversations = Counter(kind for kind, _ in {(row.kind, row.conversation) for row in rows})
    return {kind: OfKind(count, conversations[kind]) for kind, count in findings.most_common()}


def _whole(keys: Sequence[Key]) -> list[Finding]:
    """In this order."""
    if not keys:
        return []
    # The bounds keep other months out of the plan.
    bounds = {"id__lte": keys[0].id, "id__gte": keys[-1].id}
    rows = narrowed.rows(Finding).filter(id__in={key.id for key in keys}, **bounds)
    known = {Key(row.id, row.place): row for row in rows}
    return [known[key] for key in keys if key in known]
