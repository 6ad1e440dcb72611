"""The list of requests, by keyset."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.filters import chosen_domain
from dashboard.queries import exchanges

PAGE_SIZE = 50


def requests(request: HttpRequest) -> HttpResponse:
    """So many requests, newest first, from `before` on."""
    domain = chosen_domain(request)
    before = request.GET.get("before", "")
    try:
        page = exchanges.page(domain, UUID(before) if before else None, PAGE_SIZE)
    except ValueError as error:
        raise Http404("`before` is not the id of an exchange.") from error
    context = {
        "domain": domain,
        "before": before,
        "page": page,
        "total": exchanges.stored_total(domain),
        "domain_names": exchanges.domain_names,
    }
    return render(request, "requests/page.html", context)
