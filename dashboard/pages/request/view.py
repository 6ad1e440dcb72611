"""One request: its summary and bill for everybody who sees figures, its bodies for who may read them."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access import signin
from dashboard.caching import BODIES
from dashboard.pages.request.contents import VIEWS, RequestPage
from dashboard.queries import exchanges


def request(request: HttpRequest, exchange_id: UUID) -> HttpResponse:
    """`view` chooses conversation, raw JSON or headers."""
    found = exchanges.details(exchange_id)
    if found is None:
        raise Http404(exchanges.why_unknown(exchange_id))
    asked = request.GET.get("view", "")
    page = RequestPage(found)
    reads_bodies = signin.reads_bodies(request)
    context = {
        "page": page,
        "exchange": found.exchange,
        "not_allowed": "" if reads_bodies else signin.NOT_ALLOWED[signin.READ_BODIES],
        "view": asked if asked in VIEWS else "conversation",
        "views": page.views.items() if reads_bodies else [],
    }
    response = render(request, "request/page.html", context)
    response.headers["Cache-Control"] = BODIES
    return response
