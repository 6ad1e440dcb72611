"""One request: its summary and bill for everybody who sees figures, its bodies for who may read them."""

from urllib.parse import urlencode
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import render

from dashboard.access import signin
from dashboard.caching import BODIES
from dashboard.filters.filter import BY_NAME, Filter, FilterError, parse
from dashboard.pages import context_parts
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.request.contents import VIEWS, RequestPage
from dashboard.pages.request.curl import curl_of
from dashboard.pages.request.raw.parts import SIDES, part, side_of
from dashboard.queries import conversations, exchanges, makeup
from dashboard.queries.exchanges import Details


def request(request: HttpRequest, exchange_id: UUID) -> HttpResponse:
    """`view` chooses conversation, raw JSON or headers; `part` is what htmx reads on demand."""
    found = exchanges.details(exchange_id)
    if found is None:
        raise Http404(exchanges.why_unknown(exchange_id))
    if read := _PARTS.get(request.GET.get("part", "")):
        return read(request, found)
    bar = filter_bar(request, (), others=("view", "part", "list"))
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
        "in_list": _in_list(request),
        "curl": curl_of(found.exchange, found.headers.request, page.request) if reads_bodies else None,
        "raw": {side: side_of(page, side) for side in SIDES} if reads_bodies and view == "raw" else None,
        "has_makeup": conversation is not None and makeup.is_large(found.exchange),
        "views": page.views.items() if reads_bodies else [],
    }
    return _unkept(render(request, "request/page.html", context))


def _history(request: HttpRequest, found: Details) -> HttpResponse:
    """What a large request leaves out at first, `until` a message."""
    page = RequestPage(found)
    talk = page.earlier(_number(request, "until")) if signin.reads_bodies(request) else None
    return _unkept(render(request, "request/history.html", {"talk": talk}))


def _message(request: HttpRequest, found: Details) -> HttpResponse:
    """All of the message of a `number`."""
    blocks = RequestPage(found).blocks_of(_number(request, "number")) if signin.reads_bodies(request) else []
    return _unkept(render(request, "request/blocks.html", {"blocks": blocks}))


def _json(request: HttpRequest, found: Details) -> HttpResponse:
    """A part of a body."""
    if not signin.reads_bodies(request):
        return _unkept(signin.refused(request, signin.NOT_ALLOWED[signin.READ_BODIES]))
    return _unkept(part(request, RequestPage(found)))


def _beside(request: HttpRequest, found: Details) -> HttpResponse:
    """The requests next to it in the list that its reader came from."""
    try:
        asked = dict(QueryDict(request.GET.get("list", "")).lists())
        chosen = parse({name: values for name, values in asked.items() if name in BY_NAME})
    except FilterError:
        chosen = Filter()
    newer, older = exchanges.beside(chosen, found.exchange.id)
    context = {"newer": newer, "older": older, "narrow": chosen != Filter(), "in_list": _in_list(request)}
    return _unkept(render(request, "request/beside.html", context))


def _in_list(request: HttpRequest) -> str:
    """The query of a request of the same list, "" where it is that of all."""
    query = request.GET.get("list", "")
    return f"?{urlencode({'list': query})}" if query else ""


def _number(request: HttpRequest, name: str) -> int:
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


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


_PARTS = {
    "history": _history,
    "message": _message,
    "json": _json,
    "beside": _beside,
    "position": _position,
    "makeup": _makeup,
}


def _unkept(response: HttpResponse) -> HttpResponse:
    response.headers["Cache-Control"] = BODIES
    return response
