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
from dashboard.access import oidc, throttle
from dashboard.errors import is_api, json_error

SESSION_FIELD = "dashboard"
# Where a request keeps why the header of a trusted peer signed nobody in.
TROUBLE = "nexus.signin_trouble"
KEY_HEADERS = ("X-Dashboard-Key", "X-API-Key")
VIEW_FIGURES, READ_BODIES = "dashboard.view_figures", "dashboard.read_bodies"
STOP_STREAMS = "dashboard.stop_streams"
# Not a permission of its own: staff who may change all that gives access. DASHBOARD_API_KEY is nobody's own, and does not open it.
MANAGE_ACCESS = "manage_access"
MANAGES_ACCESS = tuple(f"accounts.change_{model}" for model in ("domain", "credential", "clientkey", "limit"))
NOT_ALLOWED = {
    MANAGE_ACCESS: "This is for staff who may change domains, credentials, client keys and limits: sign in as such a user. "
    "DASHBOARD_API_KEY does not open it.",
    VIEW_FIGURES: "Your user lacks the permission “view_figures”: ask an operator, who gives it in the admin, under Users.",
    READ_BODIES: "Your user lacks the permission “read_bodies”: ask an operator, who gives it in the admin, under Users.",
    STOP_STREAMS: "Your user lacks the permission “stop_streams”: ask an operator, who gives it in the admin, under Users.",
}
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


def session_is_open(
    session: Mapping[str, Any] | SessionBase, user: User | AnonymousUser, right: str = VIEW_FIGURES
) -> bool:
    """Whether a session belongs to the present key, or its user has the right; pages and websockets ask the same."""
    if right == MANAGE_ACCESS:
        return bool(user.is_staff and user.has_perms({VIEW_FIGURES, *MANAGES_ACCESS}))
    return user.has_perms({VIEW_FIGURES, right}) or has_key(session)


def has_key(session: Mapping[str, Any] | SessionBase) -> bool:
    """Whether the session was opened with the present key."""
    held = session.get(SESSION_FIELD, "")
    return bool(settings.DASHBOARD_API_KEY) and constant_time_compare(str(held), fingerprint())


def visitor(request: HttpRequest, right: str = VIEW_FIGURES) -> Visitor:
    """Judge a request by its session, else by the key in its headers."""
    if session_is_open(request.session, request.user, right):
        return Visitor.WELCOME
    key = presented_key(request)
    if key and settings.DASHBOARD_API_KEY:
        who = judge_key(request, key)
        return Visitor.NOT_ALLOWED if who is Visitor.WELCOME and right == MANAGE_ACCESS else who
    if request.user.is_authenticated or has_key(request.session):
        return Visitor.NOT_ALLOWED
    return Visitor.UNKNOWN if has_a_way_in() else Visitor.NOBODY_YET


def has_a_way_in() -> bool:
    """Whether anything but a staff account's password opens the dashboard."""
    return bool(settings.DASHBOARD_API_KEY or settings.TRUSTED_HEADER_SIGNIN) or oidc.is_configured()


def reads_bodies(request: HttpRequest) -> bool:
    """Whether who asks may also read what people and models said."""
    return visitor(request, READ_BODIES) is Visitor.WELCOME


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


def signed_in_only(view: View, permission: str = VIEW_FIGURES) -> View:
    """Let a page be seen by who has the permission; others are led to the sign-in page or learn what is missing."""

    @wraps(view)
    def guarded(request: HtmxRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        who = visitor(request, permission)
        if who is Visitor.WELCOME:
            return view(request, *args, **kwargs)
        if who is Visitor.NOBODY_YET:
            return render(request, "dashboard/not_configured.html", status=503)
        if who is Visitor.NOT_ALLOWED:
            return refused(request, NOT_ALLOWED[permission])
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
