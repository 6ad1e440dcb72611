"""One request: its summary and bill for everybody who sees figures, its bodies for who may read them."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access import signin
from dashboard.caching import BODIES
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.request.contents import VIEWS, RequestPage
from dashboard.queries import conversations, exchanges
from dashboard.queries.exchanges import Details


def request(request: HttpRequest, exchange_id: UUID) -> HttpResponse:
    """`view` chooses conversation, raw JSON or headers; `part` is what htmx reads on demand."""
    found = exchanges.details(exchange_id)
    if found is None:
        raise Http404(exchanges.why_unknown(exchange_id))
    part = _PARTS.get(request.GET.get("part", ""))
    if part:
        return part(request, found)
    bar = filter_bar(request, (), others=("view", "part"))
    view = bar.chosen("view", [*VIEWS])
    page = RequestPage(found)
    reads_bodies = signin.reads_bodies(request)
    context = {
        "page": page,
        "exchange": found.exchange,
        "conversation": conversations.id_of(exchange_id),
        "not_allowed": "" if reads_bodies else signin.NOT_ALLOWED[signin.READ_BODIES],
        "bar": bar,
        "view": view,
        "views": page.views.items() if reads_bodies else [],
    }
    return _unkept(render(request, "request/page.html", context))


def _history(request: HttpRequest, found: Details) -> HttpResponse:
    """What a large request leaves out at first."""
    talk = RequestPage(found).history if signin.reads_bodies(request) else None
    return _unkept(render(request, "request/history.html", {"talk": talk, "exchange": found.exchange}))


def _position(request: HttpRequest, found: Details) -> HttpResponse:
    """Its place in its session, which takes all turns of that to tell."""
    position = conversations.position(found.exchange.id)
    return _unkept(render(request, "request/position.html", {"position": position}))


_PARTS = {"history": _history, "position": _position}


def _unkept(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = BODIES
    return response
