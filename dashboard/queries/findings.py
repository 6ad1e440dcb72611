"""Findings of a period: what a person may want to change in a conversation, newest first.

Bounded: of the newest MOST of a period and its domains the kind is looked at, and those that are listed are read whole.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries.filtering import in_period_and_domain
from proxy.store.models import Finding, moment_of

MOST = 10_000
SERVED = ("period", "from", "to", "zone", "domain")


@dataclass(frozen=True, slots=True)
class Listed:
    """The first findings, how many there are of each kind, and how far back that is where there are more than MOST."""

    findings: list[Finding]
    total: int
    by_kind: dict[str, int]
    looked_back_to: datetime | None = None


def newest(chosen: Filter, kind: str = "", limit: int = 100) -> Listed:
    """Those of a filter, of one kind if it is given; a finding is as new as its last turn."""
    rows = Finding.objects.filter(in_period_and_domain(chosen, timezone.now())).order_by("-id", "place")
    looked_at = list(rows.values_list("id", "place", "kind")[: MOST + 1])
    looked_back_to = moment_of(looked_at[MOST - 1][0]) if len(looked_at) > MOST else None
    looked_at = looked_at[:MOST]
    wanted = [(id_, place) for id_, place, its_kind in looked_at if kind in ("", its_kind)]
    by_kind = Counter(its_kind for *_, its_kind in looked_at)
    return Listed(_whole(wanted[:limit]), len(wanted), dict(by_kind.most_common()), looked_back_to)


def of_conversation(conversation: UUID) -> list[Finding]:
    """All of one conversation, in the order of their last turns."""
    return list(Finding.objects.filter(conversation=conversation).order_by("id", "place"))


def _whole(keys: list[tuple[UUID, int]]) -> list[Finding]:
    """In this order."""
    if not keys:
        return []
    # The bounds keep other months out of the plan.
    bounds = {"id__lte": keys[0][0], "id__gte": keys[-1][0]}
    rows = Finding.objects.filter(id__in={id_ for id_, _ in keys}, **bounds)
    known = {(row.id, row.place): row for row in rows}
    return [known[key] for key in keys if key in known]
