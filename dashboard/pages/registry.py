"""Every page, described once: its address, its place in the navigation, its key and who may see it all come from here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.access.signin import READ_BODIES, VIEW_FIGURES, View, signed_in_only
from dashboard.pages.cache_breaks.view import breaks
from dashboard.pages.explain.view import explain
from dashboard.pages.findings.view import found
from dashboard.pages.limits.view import limits
from dashboard.pages.login.view import login
from dashboard.pages.overview.view import overview
from dashboard.pages.performance.view import performance
from dashboard.pages.request.view import request
from dashboard.pages.request_diff.view import request_diff
from dashboard.pages.requests.view import requests
from dashboard.pages.search.view import search
from dashboard.pages.session.view import session
from dashboard.pages.sessions.view import sessions
from dashboard.pages.usage.view import usage

_for_htmx = vary_on_headers("HX-Request", "HX-History-Restore-Request")


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is that of its folder, and what `{% url %}` takes.

    `place` names the entry of the navigation that is marked while the page is open; a page that names itself is an entry.
    `key` opens it, after "g". Without a `permission` it is open to everybody and its view checks the method itself.
    Asked by htmx, a page whose template extends `base` (`context.shell`) is its block `fragment` alone.
    `former` is its address in the predecessor.
    """

    name: str
    address: str
    title: str
    view: View
    place: str = ""
    key: str = ""
    permission: str = VIEW_FIGURES
    former: str = ""

    @property
    def is_entry(self) -> bool:
        return self.place == self.name

    def guarded(self) -> View:
        """The view behind its permission; such a page is only read, and caches keep apart what htmx gets of it."""
        if not self.permission:
            return self.view
        is_narrowed = self.name in NARROWED
        return require_safe(_for_htmx(signed_in_only(self.view, self.permission, is_narrowed=is_narrowed)))


# Entries of the navigation stand in this order.
PAGES = (
    Page("overview", "dashboard", "Overview", overview, "overview", "o"),
    Page("sessions", "dashboard/sessions", "Sessions", sessions, "sessions", "s"),
    Page(
        "session",
        "dashboard/session/<str:name>",
        "Session",
        session,
        "sessions",
        former="dashboard/conversation/<str:name>",
    ),
    Page("requests", "dashboard/requests", "Requests", requests, "requests", "r"),
    Page("request", "dashboard/request/<uuid:exchange_id>", "Request", request, "requests"),
    Page(
        "request_diff",
        "dashboard/request/<uuid:exchange_id>/diff",
        "What changed",
        request_diff,
        "requests",
        permission=READ_BODIES,
    ),
    Page("search", "dashboard/search", "Search", search, "search", "f", permission=READ_BODIES),
    Page("usage", "dashboard/usage", "Usage", usage, "usage", "u"),
    Page("explain", "dashboard/explain", "Explain", explain, "explain", "e"),
    Page("performance", "dashboard/performance", "Performance", performance, "performance", "p"),
    Page("cache_breaks", "dashboard/cache-breaks", "Cache breaks", breaks, "cache_breaks", "b"),
    Page("findings", "dashboard/findings", "Findings", found, "findings", "n"),
    Page("limits", "dashboard/limits", "Limits", limits, "limits", "l"),
    Page("login", "dashboard/login", "Sign in", login, permission=""),
)
# Each page behind a permission is in one of these: what shows the domains of the reader alone, and what is about all of them,
# so that it is closed to who is bound to some (docs/access.md). In neither, a page is closed to them as well, and a test fails.
NARROWED = frozenset(
    {
        "overview",
        "sessions",
        "session",
        "requests",
        "request",
        "request_diff",
        "search",
        "usage",
        "explain",
        "performance",
        "cache_breaks",
        "findings",
        "limits",
    }
)
OF_ALL_DOMAINS = frozenset[str]()
NAVIGATION = tuple(page for page in PAGES if page.is_entry)


def urls(pages: Iterable[Page] = PAGES) -> Iterator[URLPattern]:
    """The addresses of pages, and those that they had in the predecessor."""
    for page in pages:
        yield path(page.address, page.guarded(), name=page.name)
        if page.former:
            yield path(page.former, page.guarded(), name=f"{page.name}-former")


def page_of(request: HttpRequest) -> Page | None:
    """The page that a request is for; None for anything else, such as the admin."""
    match = request.resolver_match
    return next((page for page in PAGES if match and page.name == match.view_name), None)
