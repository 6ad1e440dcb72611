"""Every page, described once: its address, its place in the navigation, its key and who may see it all come from here."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from django.http import HttpRequest
from django.urls import URLPattern, path
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from dashboard.access.signin import MANAGE_ACCESS, READ_BODIES, VIEW_FIGURES, View, signed_in_only
from dashboard.pages.accounts.view import accounts
from dashboard.pages.audit.view import audit
from dashboard.pages.cache_breaks.view import breaks
from dashboard.pages.explain.view import explain
from dashboard.pages.findings.view import found
from dashboard.pages.health.view import health
from dashboard.pages.invitation.view import invitation
from dashboard.pages.limits.view import limits
from dashboard.pages.live.view import live
from dashboard.pages.login.view import login
from dashboard.pages.overview.view import overview
from dashboard.pages.performance.view import performance
from dashboard.pages.request.view import request
from dashboard.pages.request_diff.view import request_diff
from dashboard.pages.requests.view import choose, requests
from dashboard.pages.saved_views import change_view, opening_default, save_view
from dashboard.pages.search.view import search
from dashboard.pages.session.view import session
from dashboard.pages.sessions.view import sessions
from dashboard.pages.tools.view import tools
from dashboard.pages.usage.view import usage

_for_htmx = vary_on_headers("HX-Request", "HX-History-Restore-Request")


class Group(Enum):
    """What stands together in the navigation, in this order."""

    TRAFFIC = "Traffic"
    FIGURES = "Figures"
    CAUSES = "Causes"
    OPERATION = "Operation"
    MORE = "More"


@dataclass(frozen=True, slots=True)
class Page:
    """`name` is that of its folder, and what `{% url %}` takes.

    `place` names the entry of the navigation that is marked while the page is open; a page that names itself is an entry,
    in its `group`. `key` opens it, after "g". Without a `permission` it is open to everybody and its view checks the method itself.
    Asked by htmx, a page whose template extends `base` (`context.shell`) is its block `fragment` alone.
    `former` is its address in the predecessor. With `is_narrowed` it shows the domains of the reader alone; any other page is
    closed to who is bound to some (docs/access.md).
    """

    name: str
    address: str
    title: str
    view: View
    place: str = ""
    key: str = ""
    permission: str = VIEW_FIGURES
    former: str = ""
    group: Group = Group.MORE
    is_narrowed: bool = False

    @property
    def is_entry(self) -> bool:
        return self.place == self.name

    def guarded(self) -> View:
        """The view behind its permission; such a page is only read, and caches keep apart what htmx gets of it."""
        if not self.permission:
            return self.view
        view = opening_default(self.view, self.name)
        return require_safe(_for_htmx(signed_in_only(view, self.permission, is_narrowed=self.is_narrowed)))


@dataclass(frozen=True, slots=True)
class Action:
    """What a form of a page sends: it is only posted, by who may see that page; it changes nothing but what is the reader's own."""

    name: str
    address: str
    view: View
    permission: str = VIEW_FIGURES

    def guarded(self) -> View:
        """The view behind its permission."""
        return signed_in_only(require_POST(self.view), self.permission, is_narrowed=True)


# Entries of a group of the navigation stand in this order.
PAGES = (
    Page(
        "overview", "dashboard", "Overview", overview, "overview", "o", group=Group.TRAFFIC, is_narrowed=True
    ),
    Page("live", "dashboard/live", "Live", live, "live", "v", group=Group.TRAFFIC, is_narrowed=True),
    Page(
        "sessions",
        "dashboard/sessions",
        "Sessions",
        sessions,
        "sessions",
        "s",
        group=Group.TRAFFIC,
        is_narrowed=True,
    ),
    Page(
        "session",
        "dashboard/session/<str:name>",
        "Session",
        session,
        "sessions",
        former="dashboard/conversation/<str:name>",
        is_narrowed=True,
    ),
    Page(
        "requests",
        "dashboard/requests",
        "Requests",
        requests,
        "requests",
        "r",
        group=Group.TRAFFIC,
        is_narrowed=True,
    ),
    Page("request", "dashboard/request/<uuid:exchange_id>", "Request", request, "requests", is_narrowed=True),
    Page(
        "request_diff",
        "dashboard/request/<uuid:exchange_id>/diff",
        "What changed",
        request_diff,
        "requests",
        permission=READ_BODIES,
        is_narrowed=True,
    ),
    Page(
        "search",
        "dashboard/search",
        "Search",
        search,
        "search",
        "f",
        permission=READ_BODIES,
        group=Group.TRAFFIC,
        is_narrowed=True,
    ),
    Page("usage", "dashboard/usage", "Usage", usage, "usage", "u", group=Group.FIGURES, is_narrowed=True),
    Page(
        "explain",
        "dashboard/explain",
        "Explain",
        explain,
        "explain",
        "e",
        group=Group.FIGURES,
        is_narrowed=True,
    ),
    Page(
        "performance",
        "dashboard/performance",
        "Performance",
        performance,
        "performance",
        "p",
        group=Group.FIGURES,
        is_narrowed=True,
    ),
    Page("tools", "dashboard/tools", "Tools", tools, "tools", "t", group=Group.FIGURES, is_narrowed=True),
    Page(
        "cache_breaks",
        "dashboard/cache-breaks",
        "Cache breaks",
        breaks,
        "cache_breaks",
        "b",
        group=Group.CAUSES,
        is_narrowed=True,
    ),
    Page(
        "findings",
        "dashboard/findings",
        "Findings",
        found,
        "findings",
        "n",
        group=Group.CAUSES,
        is_narrowed=True,
    ),
    Page("accounts", "dashboard/accounts", "Accounts", accounts, "accounts", "a", group=Group.OPERATION),
    Page(
        "limits", "dashboard/limits", "Limits", limits, "limits", "l", group=Group.OPERATION, is_narrowed=True
    ),
    Page("health", "dashboard/health", "Health", health, "health", "h", group=Group.OPERATION),
    Page(
        "audit",
        "dashboard/audit",
        "Audit",
        audit,
        "audit",
        "d",
        permission=MANAGE_ACCESS,
        group=Group.OPERATION,
    ),
    Page("login", "dashboard/login", "Sign in", login, permission=""),
    Page("invitation", "dashboard/invitation", "Your invitation", invitation, permission=""),
)
ACTIONS = (
    Action("choose_columns", "dashboard/requests/columns", choose),
    Action("save_view", "dashboard/views", save_view),
    Action("change_view", "dashboard/views/<uuid:view_id>", change_view),
)
NAVIGATION = tuple(page for page in PAGES if page.is_entry)


def urls(pages: Iterable[Page] = PAGES) -> Iterator[URLPattern]:
    """The addresses of pages, those that they had in the predecessor, and those of forms."""
    for page in pages:
        yield path(page.address, page.guarded(), name=page.name)
        if page.former:
            yield path(page.former, page.guarded(), name=f"{page.name}-former")
    for action in ACTIONS:
        yield path(action.address, action.guarded(), name=action.name)


def page_of(request: HttpRequest) -> Page | None:
    """The page that a request is for; None for anything else, such as the admin."""
    match = request.resolver_match
    return next((page for page in PAGES if match and page.name == match.view_name), None)
