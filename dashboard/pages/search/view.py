"""Search by words; what is typed, the filter and `before` are in the address."""

from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.caching import BODIES
from dashboard.filters.filter import BY_NAME
from dashboard.pages.filter_bar import filter_bar
from dashboard.queries import search as searching
from proxy.conversations.search.query import MOST_CHARACTERS, QueryError, parse

PAGE_SIZE = 50
OTHERS = ("q", "conversation", "before")
_SERVED = [name for name, attribute in BY_NAME.items() if attribute in searching.SERVED]


def search(request: HttpRequest) -> HttpResponse:
    """So many hits, newest first."""
    bar = filter_bar(request, _SERVED, others=OTHERS)
    typed = request.GET.get("q", "").strip()
    try:
        conversation, before = (_id(request, name) for name in ("conversation", "before"))
    except ValueError as error:
        raise Http404("`conversation` or `before` is no id.") from error
    context: dict[str, object] = {
        "bar": bar,
        "typed": typed,
        "most_characters": MOST_CHARACTERS,
        "before": before,
        "search_enabled": settings.SEARCH_ENABLED,
    }
    if typed:
        try:
            context["page"] = searching.page(parse(typed), bar.filter, conversation, before, PAGE_SIZE)
        except QueryError as error:
            context["refused"] = str(error)
    response = render(request, "search/page.html", context)
    response.headers["Cache-Control"] = BODIES
    return response


def _id(request: HttpRequest, name: str) -> UUID | None:
    given = request.GET.get(name, "")
    return UUID(given) if given else None
