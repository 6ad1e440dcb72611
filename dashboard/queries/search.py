"""Search by words, within a filter: hits with what is known of their exchanges."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.queries import narrowed
from dashboard.queries.filtering import EPOCH, domains_like
from proxy.conversations.search.query import Query
from proxy.store.models import Exchange, moment_of
from proxy.store.search.find import Asked, Found, Hit, search

# What of the filter can narrow a search.
SERVED = ("period", "from", "to", "zone", "domain")


@dataclass(frozen=True, slots=True)
class FoundTurn:
    """A hit, and of its exchange when it began and its model, "" where retention dropped it."""

    hit: Hit
    started_at: datetime
    model: str


@dataclass(frozen=True, slots=True)
class Page:
    """Hits newest first, and how the search went."""

    turns: list[FoundTurn]
    search: Found


def page(
    query: Query, chosen: Filter, conversation: UUID | None = None, before: UUID | None = None, size: int = 50
) -> Page:
    """The `size` newest turns of the filter before an id that have what is asked for."""
    bounds = chosen.bounds(timezone.now())
    found = search(
        Asked(
            query,
            domains=narrowed.among(domains_like(chosen.domain)) if chosen.domain else narrowed.domains(),
            since=max(bounds.since, EPOCH) if bounds.since else None,
            until=max(bounds.until, EPOCH) if bounds.until else None,
            conversation=conversation,
            before=before,
            size=size,
        )
    )
    turns = narrowed.rows(Exchange).filter(id__in=[hit.id for hit in found.hits])
    known = {row_id: rest for row_id, *rest in turns.values_list("id", "started_at", "model")}
    return Page([FoundTurn(hit, *known.get(hit.id, (moment_of(hit.id), ""))) for hit in found.hits], found)
