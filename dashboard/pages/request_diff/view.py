"""Two requests compared; `against` in the address names the other one."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.caching import BODIES
from dashboard.pages.filter_bar import filter_bar
from dashboard.queries import conversations, exchanges
from dashboard.queries.request_pair import NoPairError, Pair, pair
from dashboard.transcript.request_diff import NotComparableError, Section, sections
from proxy.conversations.findings.cause_words import ADVICE, Cause
from proxy.store.models import Exchange


def request_diff(request: HttpRequest, exchange_id: UUID) -> HttpResponse:
    """What cannot be compared is a sentence on the page."""
    exchange = exchanges.find(exchange_id)
    if exchange is None:
        raise Http404(exchanges.why_unknown(exchange_id))
    bar = filter_bar(request, (), others=("against",))
    found, parts, problem = _compared(exchange, bar.kept.get("against", ""))
    broken = found.cache_break if found else None
    context = {
        "exchange": exchange,
        "bar": bar,
        "against": found.against if found else None,
        "position": conversations.position(exchange_id),
        "broken": broken,
        "advice": ADVICE[Cause(broken.cause)] if broken else None,
        "changed": [part for part in parts if part.entries],
        "same": [part.part for part in parts if not part.entries],
        "problem": problem,
    }
    response = render(request, "request_diff/page.html", context)
    response.headers["Cache-Control"] = BODIES
    return response


def _compared(exchange: Exchange, against: str) -> tuple[Pair | None, list[Section], str]:
    """The two requests, what differs, and why that cannot be said."""
    found = None
    try:
        found = pair(exchange, UUID(against) if against else None)
        return found, sections(found.before, found.after), ""
    except (NoPairError, NotComparableError) as error:
        return found, [], str(error)
    except ValueError as error:
        raise Http404("`against` is not the id of a request.") from error
