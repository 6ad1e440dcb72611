"""Who may read the dashboard: whoever shows DASHBOARD_API_KEY, and Django users with staff rights.

A browser's session holds a fingerprint of the key, never the key; it is void as soon as the key (or SECRET_KEY) changes.
"""

from collections.abc import Callable, Mapping
from enum import Enum
from functools import wraps
from hashlib import sha256
from typing import Any
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme

from dashboard import throttle

SESSION_FIELD = "dashboard"
KEY_HEADERS = ("X-Dashboard-Key", "X-API-Key")
View = Callable[..., HttpResponseBase]


class Visitor(Enum):
    """What a request shows at the door."""

    WELCOME = "signed in"
    UNKNOWN = "no key"
    REFUSED = "a wrong key"
    THROTTLED = "too many wrong keys"
    NOBODY_YET = "DASHBOARD_API_KEY is not set"


def fingerprint() -> str:
    """What a session keeps of the key that opened it."""
    return salted_hmac("dashboard.signin", settings.DASHBOARD_API_KEY, algorithm="sha256").hexdigest()


def is_key(presented: str) -> bool:
    """Compare in constant time, whatever the two lengths."""
    expected = settings.DASHBOARD_API_KEY
    return bool(expected) and constant_time_compare(_digest(presented), _digest(expected))


def _digest(value: str) -> bytes:
    return sha256(value.encode("utf-8", "surrogateescape")).digest()


def session_is_open(session: Mapping[str, Any] | SessionBase, user: User | AnonymousUser) -> bool:
    """Whether a session belongs to the present key, or its user to the staff; pages and websockets ask the same."""
    return (user.is_active and user.is_staff) or has_key(session)


def has_key(session: Mapping[str, Any] | SessionBase) -> bool:
    """Whether the session was opened with the present key."""
    held = session.get(SESSION_FIELD, "")
    return bool(settings.DASHBOARD_API_KEY) and constant_time_compare(str(held), fingerprint())


def visitor(request: HttpRequest) -> Visitor:
    """Judge a request by its session, else by the key in its headers."""
    if session_is_open(request.session, request.user):
        return Visitor.WELCOME
    if not settings.DASHBOARD_API_KEY:
        return Visitor.NOBODY_YET
    key = presented_key(request)
    return judge_key(request, key) if key else Visitor.UNKNOWN


def presented_key(request: HttpRequest) -> str:
    """The key in `X-Dashboard-Key`, `X-API-Key` or `Authorization: Bearer`, "" without one."""
    for name in KEY_HEADERS:
        if value := request.headers.get(name, ""):
            return value.strip()
    scheme, _, value = request.headers.get("Authorization", "").partition(" ")
    return value.strip() if scheme.lower() == "bearer" else ""


def judge_key(request: HttpRequest, key: str) -> Visitor:
    """Check one key, and count the wrong ones of an address."""
    address = throttle.address_of(request)
    if throttle.wait_of(address):
        return Visitor.THROTTLED
    if is_key(key):
        return Visitor.WELCOME
    throttle.count(address)
    return Visitor.REFUSED


def signed_in_only(view: View) -> View:
    """Let a page be seen by signed-in visitors; others are led to the sign-in page or told what is missing."""

    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        who = visitor(request)
        if who is Visitor.WELCOME:
            return view(request, *args, **kwargs)
        if who is Visitor.NOBODY_YET:
            return render(request, "dashboard/not_configured.html", status=503)
        return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'next': request.get_full_path()})}")

    return guarded


def local_target(wanted: str) -> str:
    """`wanted` if it is a path of this very server, else the overview."""
    # A backslash or a control character makes browsers read a path as another host's address.
    if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None):
        return wanted
    return reverse("overview")
