"""The list of requests, by keyset."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.filters.filter import BY_NAME
from dashboard.pages.filter_bar import filter_bar
from dashboard.queries import exchanges

PAGE_SIZE = 50


def requests(request: HttpRequest) -> HttpResponse:
    """So many requests, newest first, from `before` on."""
    bar = filter_bar(request, BY_NAME, others=("before",))
    before = request.GET.get("before", "")
    try:
        page = exchanges.page(bar.filter, UUID(before) if before else None, PAGE_SIZE)
    except ValueError as error:
        raise Http404("`before` is not the id of an exchange.") from error
    context = {
        "bar": bar,
        "before": before,
        "page": page,
        "total": exchanges.stored_total(bar.filter),
    }
    return render(request, "requests/page.html", context)
