"""Where in the list a page of it stands: an order by time, a row that it goes on from, or a moment to go to."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils import timezone

from dashboard.filters.filter import Filter, FilterError
from dashboard.pages.filter_bar import FilterBar
from dashboard.queries import exchanges
from dashboard.queries.filtering import EPOCH
from proxy.store.models import Exchange
from proxy.store.models.ids import id_floor

PAGE_SIZE = 50
# An index knows ids, and ids know times: no other order would be read without reading all.
SORTS = {"newest": "Newest first", "oldest": "Oldest first"}
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Place:
    """`past` is the id that it goes on from, forward in time or back; `at` the moment that somebody asked for."""

    is_oldest_first: bool
    is_forward: bool
    past: UUID | None
    at: datetime | None

    @property
    def turns(self) -> bool:
        """Whether it is read against the order of the page."""
        return self.is_forward != self.is_oldest_first

    @property
    def is_beginning(self) -> bool:
        return self.past is None


@dataclass(frozen=True, slots=True)
class Listing:
    """A page of the list. `previous` and `next` are the cursors of the pages beside it, as parameters, None where there is none."""

    rows: list[Exchange]
    previous: dict[str, str] | None
    next: dict[str, str] | None
    looked_to: datetime | None


def place_of(query: QueryDict, bar: FilterBar) -> tuple[Place, FilterBar]:
    """The place that an address names; raises ValueError for an id that is none.

    A moment that cannot be used is a notice, and so is a period that does not hold it, which is then off.
    """
    is_oldest_first = bar.chosen("sort", [*SORTS]) == "oldest"
    for name in ("before", "after"):
        if text := query.get(name, ""):
            return Place(is_oldest_first, name == "after", UUID(text), None), bar
    if not (text := query.get("at", "").strip()):
        return Place(is_oldest_first, is_oldest_first, None, None), bar
    try:
        at, end = moment_of(text, bar.filter)
    except ValueError:
        bar.notices.append("at: it is no moment; give one such as 2026-11-29T14:05.")
        return Place(is_oldest_first, is_oldest_first, None, None), bar
    past = id_floor(at if is_oldest_first else end)
    return Place(is_oldest_first, is_oldest_first, past, at), _holding(bar, at)


def moment_of(text: str, chosen: Filter) -> tuple[datetime, datetime]:
    """A moment in the filter's zone, and where it ends: a minute later where nobody names seconds. Raises ValueError."""
    given = datetime.fromisoformat(text)
    try:
        at = max(given if given.tzinfo else given.replace(tzinfo=chosen.local), EPOCH)
        return at, at + (timedelta(seconds=1) if given.second or text.count(":") > 1 else _MINUTE)
    except OverflowError as error:
        raise ValueError("the time lies outside the calendar") from error


def listing(chosen: Filter, place: Place, wide: tuple[str, ...]) -> Listing:
    """The rows of a place in the order of the page, and where it goes on in both directions."""
    find = exchanges.following if place.is_forward else exchanges.page
    found = find(chosen, place.past, PAGE_SIZE, wide=wide)
    rows = found.rows[::-1] if place.turns else found.rows
    ahead = _cursor(found.older, is_forward=place.is_forward)
    edge = found.rows[0].id if found.rows else place.past
    behind = None if place.is_beginning else _cursor(edge, is_forward=not place.is_forward)
    first, last = (ahead, behind) if place.turns else (behind, ahead)
    return Listing(rows, first, last, found.looked_back_to)


def _cursor(past: UUID | None, *, is_forward: bool) -> dict[str, str] | None:
    return None if past is None else {"after" if is_forward else "before": str(past)}


def _holding(bar: FilterBar, at: datetime) -> FilterBar:
    """The bar without a period that the moment lies outside of."""
    bounds = bar.filter.bounds(timezone.now())
    if (bounds.since is None or bounds.since <= at) and (bounds.until is None or at < bounds.until):
        return bar
    for name in ("period", "from", "to"):
        if name in bar.filter.given():
            bar = bar.dropping(FilterError(name, "it does not hold the moment to go to, so it is off"))
    return bar


def address(bar: FilterBar, cursor: dict[str, str] | None) -> str:
    """The query of a page beside this one, "" where there is none."""
    return "" if cursor is None else urlencode({**cursor, **bar.filter.given(), **bar.kept})
