"""Every page, described once: its address, its place in the navigation, its key and who may see it all come from here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from django.http import HttpRequest
from django.urls import URLPattern, path
from django.views.decorators.http import require_safe

from dashboard.access.signin import VIEW_FIGURES, View, signed_in_only
from dashboard.pages.limits.view import limits
from dashboard.pages.login.view import login
from dashboard.pages.overview.view import overview
from dashboard.pages.request.view import request
from dashboard.pages.requests.view import requests
from dashboard.pages.session.view import session
from dashboard.pages.sessions.view import sessions
from dashboard.pages.usage.view import usage


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is that of its folder, and what `{% url %}` takes.

    `place` names the entry of the navigation that is marked while the page is open; a page that names itself is an entry.
    `key` opens it, after "g". Without a `permission` it is open to everybody and its view checks the method itself.
    At the address `fragment` the same view renders only the block `fragment` of its template, for htmx to put in place.
    `former` is its address in the predecessor.
    """

    name: str
    address: str
    title: str
    view: View
    place: str = ""
    key: str = ""
    permission: str = VIEW_FIGURES
    fragment: str = ""
    former: str = ""

    @property
    def is_entry(self) -> bool:
        return self.place == self.name

    def guarded(self) -> View:
        """The view behind its permission; such a page is only read."""
        return require_safe(signed_in_only(self.view, self.permission)) if self.permission else self.view


# Entries of the navigation stand in this order.
PAGES = (
    Page(
        "overview", "dashboard", "Overview", overview, "overview", "o", fragment="dashboard/overview-fragment"
    ),
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
    Page("usage", "dashboard/usage", "Usage", usage, "usage", "u"),
    Page("limits", "dashboard/limits", "Limits", limits, "limits", "l"),
    Page("login", "dashboard/login", "Sign in", login, permission=""),
)
NAVIGATION = tuple(page for page in PAGES if page.is_entry)
_FRAGMENT = {"base": "dashboard/fragment.html"}


def urls(pages: Iterable[Page] = PAGES) -> Iterator[URLPattern]:
    """The addresses of pages and of their fragments."""
    for page in pages:
        view = page.guarded()
        yield path(page.address, view, name=page.name)
        if page.former:
            yield path(page.former, view, name=f"{page.name}-former")
        if page.fragment:
            yield path(page.fragment, view, _FRAGMENT, name=f"{page.name}-fragment")


def page_of(request: HttpRequest) -> Page | None:
    """The page that a request is for; None for anything else, such as the admin."""
    match = request.resolver_match
    return next((page for page in PAGES if match and page.name == match.view_name), None)
