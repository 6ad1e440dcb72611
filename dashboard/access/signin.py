"""Who may read the dashboard: whoever shows DASHBOARD_API_KEY, and Django users with the permissions of `dashboard.models`.

A browser's session holds a fingerprint of the key, never the key; it is void as soon as the key (or SECRET_KEY) changes.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRefresh
from django_htmx.middleware import HtmxDetails

from accounts import guesses
from accounts.guesses import Verdict
from dashboard import reading
from dashboard.access import oidc, readers, readings, throttle, tokens
from dashboard.errors import is_api, json_error
from dashboard.reading import Reader

SESSION_FIELD = "dashboard"
# Where a request keeps why the header of a trusted peer signed nobody in, and what became of the token that it shows.
TROUBLE = "nexus.signin_trouble"
_JUDGED = "_nexus_token"
KEY_HEADERS = ("X-Dashboard-Key", "X-API-Key")
VIEW_FIGURES, READ_BODIES = "dashboard.view_figures", "dashboard.read_bodies"
STOP_STREAMS = "dashboard.stop_streams"
# DASHBOARD_API_KEY is nobody's own, and does not open what this is for.
MANAGE_ACCESS = "dashboard.manage_access"
NOT_ALLOWED = {
    MANAGE_ACCESS: "This is for users with the permission “manage_access”: sign in as such a user. "
    "DASHBOARD_API_KEY does not open it.",
    VIEW_FIGURES: "Your user lacks the permission “view_figures”: ask an operator, who gives it in the admin, under Users.",
    READ_BODIES: "Your user lacks the permission “read_bodies”: ask an operator, who gives it in the admin, under Users.",
    STOP_STREAMS: "Your user lacks the permission “stop_streams”: ask an operator, who gives it in the admin, under Users.",
}
TOKEN_LACKS = {
    VIEW_FIGURES: "This token lacks the scope “figures”, or its owner the permission “view_figures”.",
    READ_BODIES: "This token lacks the scope “bodies”, or its owner the permission “read_bodies”.",
}
TOKENS_READ = "API tokens read only: sign in as a user."
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OF_ALL_DOMAINS = (
    "This is about all domains, and your groups are bound to some of them: ask an operator, who sees it."
)
View = Callable[..., HttpResponseBase]


class HtmxRequest(HttpRequest):
    """As django_htmx's middleware passes it on; `htmx` is true where a script of a page asks for a part of it."""

    htmx: HtmxDetails


class Visitor(Enum):
    """What a request shows at the door."""

    WELCOME = "signed in"
    UNKNOWN = "no key"
    REFUSED = "a wrong key"
    THROTTLED = "too many wrong keys"
    NOT_ALLOWED = "a user without the permission"
    NOBODY_YET = "DASHBOARD_API_KEY is not set"


_VISITORS = {
    Verdict.RIGHT: Visitor.WELCOME,
    Verdict.WRONG: Visitor.REFUSED,
    Verdict.THROTTLED: Visitor.THROTTLED,
}


def fingerprint() -> str:
    """What a session keeps of the key that opened it."""
    return salted_hmac("dashboard.signin", settings.DASHBOARD_API_KEY, algorithm="sha256").hexdigest()


def session_is_open(session: Mapping[str, Any] | SessionBase, user: User | AnonymousUser) -> bool:
    """Whether a session belongs to the present key, or its user sees figures; pages and websockets ask the same."""
    return user.has_perm(VIEW_FIGURES) or has_key(session)


def has_key(session: Mapping[str, Any] | SessionBase) -> bool:
    """Whether the session was opened with the present key."""
    held = session.get(SESSION_FIELD, "")
    return bool(settings.DASHBOARD_API_KEY) and constant_time_compare(str(held), fingerprint())


def visitor(request: HttpRequest, right: str = VIEW_FIGURES) -> Visitor:
    """Judge a request by its session, else by the key in its headers."""
    return let_in(request, right)[0]


def let_in(request: HttpRequest, right: str = VIEW_FIGURES) -> tuple[Visitor, Reader | None]:
    """The same, and as whom it reads, None where it is not welcome: by the very thing that opened the door.

    Who is let in to bodies reads them: the door notes that for the audit when there is an answer.
    """
    who, reader = _let_in(request, right)
    if reader is not None and right == READ_BODIES:
        readings.begin(request, reader)
    return who, reader


def _let_in(request: HttpRequest, right: str) -> tuple[Visitor, Reader | None]:
    user = request.user
    if has_key(request.session) and right != MANAGE_ACCESS:
        return Visitor.WELCOME, readers.of_key(user)
    if user.has_perms({VIEW_FIGURES, right}):
        return Visitor.WELCOME, readers.of_user(user)
    key = presented_key(request)
    if tokens.is_token(key):
        return _by_token(request, key, right)
    if key and settings.DASHBOARD_API_KEY:
        who = judge_key(request, key)
        if who is Visitor.WELCOME:
            return (Visitor.NOT_ALLOWED, None) if right == MANAGE_ACCESS else (who, readers.of_key(user))
        return who, None
    if user.is_authenticated or has_key(request.session):
        return Visitor.NOT_ALLOWED, None
    return Visitor.UNKNOWN if has_a_way_in() else Visitor.NOBODY_YET, None


def has_a_way_in() -> bool:
    """Whether anything but a staff account's password opens the dashboard."""
    return bool(settings.DASHBOARD_API_KEY or settings.TRUSTED_HEADER_SIGNIN) or oidc.is_configured()


def _by_token(request: HttpRequest, shown: str, right: str) -> tuple[Visitor, Reader | None]:
    # Judged once for all that a request wants: a wrong one is one guess, however many parts of a page ask.
    if not hasattr(request, _JUDGED):
        setattr(request, _JUDGED, tokens.judge(throttle.address_of(request), shown))
    verdict, token = getattr(request, _JUDGED)
    if token is None:
        return _VISITORS[verdict], None
    if request.method in SAFE_METHODS and readers.may(token, {VIEW_FIGURES, right}):
        return Visitor.WELCOME, readers.of_token(token)
    return Visitor.NOT_ALLOWED, None


def reads_bodies(request: HttpRequest) -> bool:
    """Whether who asks may also read what people and models said, in all domains that they see; where they may, they do."""
    found = let_in(request, READ_BODIES)[1] if may_read_bodies(request) else None
    return found is not None


def may_read_bodies(request: HttpRequest) -> bool:
    """The same of a page that has no bodies, so that nothing is noted."""
    _, found = _let_in(request, READ_BODIES)
    return found is not None and (not found.is_bound or found.patterns == reading.reader().patterns)


def lacking(request: HttpRequest, right: str) -> str:
    """The message for somebody who is not allowed."""
    if not hasattr(request, _JUDGED):
        return NOT_ALLOWED[right]
    return TOKEN_LACKS.get(right, NOT_ALLOWED[right]) if request.method in SAFE_METHODS else TOKENS_READ


def may_stop(request: HttpRequest) -> bool:
    """Whether who asks may stop what runs: a person by name, as DASHBOARD_API_KEY is nobody's own and reads only."""
    return request.user.has_perms({VIEW_FIGURES, STOP_STREAMS})


def presented_key(request: HttpRequest) -> str:
    """The key in `X-Dashboard-Key`, `X-API-Key` or `Authorization: Bearer`, "" without one."""
    for name in KEY_HEADERS:
        if value := request.headers.get(name, ""):
            return value.strip()
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def judge_key(request: HttpRequest, key: str) -> Visitor:
    """Check one key, and count the wrong ones of an address."""
    return _VISITORS[guesses.judge(throttle.address_of(request), [key])]


def signed_in_only(view: View, permission: str = VIEW_FIGURES, *, is_narrowed: bool = False) -> View:
    """Let a page be seen by who has the permission; others are led to the sign-in page or learn what is missing.

    Who is bound to domains sees only what says that it narrows.
    """

    @wraps(view)
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        who, reader = let_in(request, permission)
        if reader is not None:
            if reader.is_bound and not is_narrowed:
                return refused(request, OF_ALL_DOMAINS)
            with reading.reads(reader):
                response = view(request, *args, **kwargs)
            readings.note(request, response)
            return response
        if who is Visitor.NOBODY_YET:
            return render(request, "dashboard/not_configured.html", status=503)
        if who is Visitor.NOT_ALLOWED:
            return refused(request, lacking(request, permission))
        if request.htmx:
            return (
                HttpResponseClientRefresh()
            )  # the page itself leads to the sign-in, and from there back to itself
        return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}")

    return guarded


def refused(request: HttpRequest, message: str) -> HttpResponse:
    """403, with what to do about it."""
    if is_api(request):
        return json_error(403, message)
    return render(request, "dashboard/not_allowed.html", {"message": message}, status=403)


def local_target(wanted: str) -> str:
    """`wanted` if it is a path of this very server, else the overview."""
    # A backslash or a control character makes browsers read a path as another host's address.
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse("overview")
