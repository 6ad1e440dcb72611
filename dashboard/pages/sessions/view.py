"""The list of sessions: conversations by what their rows sum up, and nothing of their bodies but titles."""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.secrets.masking import mask_text
from dashboard.access.signin import reads_bodies
from dashboard.caching import BODIES
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.queries import conversations, findings
from proxy.store.models import Conversation

PAGE_SIZE = 50
LABELS = {"activity": "Last activity", "cost": "Cost", "turns": "Turns", "failed": "Failed"}


@dataclass(frozen=True, slots=True)
class Sort:
    """An order of the list, and its address with the present filter."""

    name: str
    label: str
    query: str
    is_on: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation as a line; `title` is "" for who may not read bodies, `rests` seconds since its last turn ended."""

    conversation: Conversation
    title: str
    person: str
    cost_state: str
    cache_share: float | None
    rests: int | None
    findings: int

    @property
    def runs(self) -> bool:
        """Whether its last turn has just ended; of what is under way live events tell."""
        return self.rests is not None and self.rests < conversations.ACTIVE_SECONDS

    @property
    def cost_usd(self) -> object:
        return self.conversation.cost_usd


def sessions(request: HttpRequest) -> HttpResponse:
    """So many conversations in the order of `sort`, from `before` on."""
    bar = filter_bar(request, conversations.SERVED, others=("sort", "before"))
    sort = request.GET.get("sort", conversations.DEFAULT_SORT)
    sort = sort if sort in LABELS else conversations.DEFAULT_SORT
    before = request.GET.get("before", "")
    try:
        cursor = conversations.cursor_of(before, sort) if before else None
    except ValueError as error:
        raise Http404(f"`before` is no place of this list: {error}.") from error
    page = conversations.page(bar.filter, sort, cursor, PAGE_SIZE)
    with_titles = reads_bodies(request)
    found, rests = findings.counts(page.rows), conversations.rests(page.rows, timezone.now())
    context = {
        "bar": bar,
        "sorts": {item.name: item for item in _sorts(bar, sort)},
        "before": before,
        "rows": [
            _row(row, rests.get(row.id), found.get(row.id, 0), with_titles=with_titles) for row in page.rows
        ],
        "older": bar.filter.to_query(sort=sort, before=str(page.older)) if page.older else "",
        "stopped": page.stopped,
        "again": bar.filter.to_query(sort=sort),
        "are_missing": not page.rows and not bar.filter.given() and conversations.are_missing(),
        "with_titles": with_titles,
    }
    response = render(request, "sessions/page.html", context)
    response.headers["Cache-Control"] = BODIES
    return response


def _sorts(bar: FilterBar, chosen: str) -> Iterator[Sort]:
    for name, label in LABELS.items():
        query = urlencode({**bar.filter.given(), "sort": name})
        yield Sort(name, label, query, is_on=name == chosen)


def _row(row: Conversation, rests: int | None, found: int, *, with_titles: bool) -> Row:
    return Row(
        conversation=row,
        title=conversations.title(row) if with_titles else "",
        person=mask_text(row.person),
        cost_state=row.cost_state,
        cache_share=row.counts.cache_share,
        rests=rests,
        findings=found,
    )
