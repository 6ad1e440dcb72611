"""One request: its summary and bill for everybody who sees figures, its bodies for who may read them."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.access import signin
from dashboard.caching import BODIES
from dashboard.pages import context_parts
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.request.contents import VIEWS, RequestPage
from dashboard.queries import conversations, exchanges, makeup
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
    conversation = conversations.id_of(exchange_id)
    context = {
        "page": page,
        "exchange": found.exchange,
        "conversation": conversation,
        "not_allowed": "" if reads_bodies else signin.NOT_ALLOWED[signin.READ_BODIES],
        "bar": bar,
        "view": view,
        "has_makeup": conversation is not None and makeup.is_large(found.exchange),
        "views": page.views.items() if reads_bodies else [],
    }
    return _unkept(render(request, "request/page.html", context))


def _history(request: HttpRequest, found: Details) -> HttpResponse:
    """What a large request leaves out at first."""
    talk = RequestPage(found).history if signin.reads_bodies(request) else None
    return _unkept(render(request, "request/history.html", {"talk": talk, "exchange": found.exchange}))


def _position(request: HttpRequest, found: Details) -> HttpResponse:
    """Its place in its session, which takes all turns of that to tell."""
    context = {
        "exchange": found.exchange,
        "position": conversations.position(found.exchange.id),
        "reads_bodies": signin.reads_bodies(request),
    }
    return _unkept(render(request, "request/position.html", context))


def _makeup(request: HttpRequest, found: Details) -> HttpResponse:
    """What fills its context: figures, for which two requests and all turns of its session are read."""
    exchange = found.exchange
    filled = makeup.of_turn(exchange, RequestPage(found).request, conversations.of_exchange(exchange.id))
    context: dict[str, object] = {"exchange": exchange, "filled": filled}
    if filled and not filled.why:
        context |= {
            "lines": context_parts.lines_of(filled.makeup, filled.added),
            "legend": context_parts.parts_of(filled.makeup, by_server=False),
            "strip": context_parts.strip_of(filled.makeup),
        }
    return _unkept(render(request, "request/makeup.html", context))


_PARTS = {"history": _history, "position": _position, "makeup": _makeup}


def _unkept(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = BODIES
    return response
