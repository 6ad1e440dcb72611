"""The findings of a period, the last 7 days without one; `kind` and `before` are in the address."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access import signin
from dashboard.caching import BODIES
from dashboard.filters.filter import BY_NAME
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.queries import conversations, findings
from dashboard.queries.findings import Key, OfKind
from proxy.conversations.findings.finding import MEANS, TO_DO, FindingKind
from proxy.store.models import Conversation, Finding, moment_of

PAGE_SIZE = 50
_SERVED = [name for name in BY_NAME if name in findings.SERVED]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind in the table; `query` shows it alone, or all again where it is alone."""

    name: str
    sums: OfKind
    means: str
    to_do: str
    query: str
    is_chosen: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A finding, its turns with their times, and its conversation, None where that is gone; `title` names it."""

    row: Finding
    found_at: datetime
    turns: list[tuple[UUID, datetime]]
    conversation: Conversation | None
    title: str


def found(request: HttpRequest) -> HttpResponse:
    """Sums, and so many findings from `before` on; each leads to its turns within their session."""
    bar = filter_bar(request, _SERVED, others=("kind", "before"), unset="Last 7 days")
    kind = bar.chosen("kind", ["", *FindingKind])
    before = request.GET.get("before", "")
    try:
        cursor = Key.parse(before) if before else None
    except ValueError as error:
        raise Http404("`before` is no place of this list.") from error
    listed = findings.newest(bar.filter.in_period("7d"), kind, PAGE_SIZE, cursor)
    context = {
        "bar": bar,
        "kind": kind,
        "kinds": [_kind(bar, name, sums, kind) for name, sums in listed.by_kind.items()],
        "rows": list(_rows(listed.findings, with_titles=signin.reads_bodies(request))),
        "before": before,
        "newest": bar.newest(),
        "older": bar.filter.to_query(**_kept(kind), before=str(listed.older)) if listed.older else "",
        "looked_back_to": listed.looked_back_to,
        "found_within": sum(sums.findings for sums in listed.by_kind.values()),
    }
    response = render(request, "findings/page.html", context)
    response.headers["Cache-Control"] = BODIES
    return response


def _kind(bar: FilterBar, name: str, sums: OfKind, chosen: str) -> Kind:
    is_chosen = name == chosen
    query = bar.filter.to_query(**_kept("" if is_chosen else name))
    kind = FindingKind(name)
    return Kind(name, sums, MEANS[kind], TO_DO[kind], query, is_chosen)


def _kept(kind: str) -> dict[str, str]:
    return {"kind": kind} if kind else {}


def _rows(rows: Iterable[Finding], *, with_titles: bool) -> Iterator[Row]:
    rows = list(rows)
    known = conversations.known({row.conversation for row in rows})
    for row in rows:
        conversation = known.get(row.conversation)
        title = conversations.title(conversation) if conversation and with_titles else ""
        turns = [(turn, moment_of(turn)) for turn in row.turns]
        yield Row(row, moment_of(row.id), turns, conversation, title)
