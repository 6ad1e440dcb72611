"""Signing in by a header that a proxy in front sets, such as oauth2-proxy; off until TRUSTED_HEADER_SIGNIN names it.

It counts from the immediate peer alone, whatever X-Forwarded-For says, and for each request anew: there is no session to end. It
never stands for who manages Nexus; such a user signs in with a password as before.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

from accounts import guesses
from dashboard.access import entry, people, signin
from dashboard.access.identity import Refused, mapped
from proxy.relay.log_limit import OncePerMinute

HOW = "header"
AMBIGUOUS_HEADER = (
    "The header that says who you are came twice or by a name with underscores, so it is not believed. Ask whoever runs the "
    "proxy in front of Nexus to drop such headers of clients."
)
log = logging.getLogger("nexus.access")
_ignored, _refused = OncePerMinute(), OncePerMinute()


@dataclass(frozen=True, slots=True)
class Vouched:
    """What a trusted peer says: a user's name or e-mail address, and its groups as Django's where they are sent."""

    name: str
    groups: frozenset[str] | None = None


def vouched(scope: Mapping[str, Any]) -> Vouched | None:
    """What the headers of an ASGI scope say of who asks; None where nobody who counts says anything. Raises Refused."""
    if not settings.TRUSTED_HEADER_SIGNIN:
        return None
    name, is_ambiguous = _sent(scope, settings.TRUSTED_HEADER_SIGNIN)
    if not name and not is_ambiguous:
        return None
    if not _is_trusted(scope):
        if times := _ignored.count():
            peer = guesses.counted_as((scope.get("client") or ("",))[0])
            log.warning("signin.header_ignored", extra={"peer": peer, "times": times})
        return None
    groups = None
    if settings.TRUSTED_HEADER_GROUPS:
        text, twice = _sent(scope, settings.TRUSTED_HEADER_GROUPS)
        is_ambiguous = is_ambiguous or twice
        groups = mapped((part.strip() for part in text.split(",")), settings.SIGNIN_GROUPS)
    if is_ambiguous:
        raise Refused("header_ambiguous", AMBIGUOUS_HEADER)
    return Vouched(name, groups)


def is_open(scope: Mapping[str, Any]) -> bool:
    """Whether the headers of a websocket open it."""
    try:
        found = vouched(scope)
        return found is not None and signin.session_is_open({}, _user(found))
    except Refused:
        return False


class TrustedHeaderMiddleware:
    """Puts the user of the header into the place of whom the session is of, unless that one manages Nexus."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        try:
            found = vouched(getattr(request, "scope", {}))
        except Refused as refused:
            return entry.refuse(request, refused.why, str(refused), HOW, status=400)
        if found is not None:
            before = request.user
            # The database is asked by who wants to know the user: health does not.
            request.user = SimpleLazyObject(lambda: _instead_of(before, found, request))  # type: ignore[assignment]
        return self.get_response(request)


def _instead_of(before: User | AnonymousUser, found: Vouched, request: HttpRequest) -> User | AnonymousUser:
    if before.is_staff or before.is_superuser:
        return before
    try:
        return _user(found)
    except Refused as refused:
        if times := _refused.count():
            log.warning("signin.refused", extra={"how": HOW, "why": refused.why, "times": times})
        request.META[signin.TROUBLE] = str(refused)  # for the sign-in page
        return AnonymousUser()


def _user(found: Vouched) -> User:
    return people.named(found.name, found.groups, how=HOW)


def _sent(scope: Mapping[str, Any], header: str) -> tuple[str, bool]:
    """The value of a header, and whether it is not clear: sent twice, or by a name that other programs take for the same."""
    wanted = header.lower().encode()
    same = [
        (name, value)
        for name, value in scope.get("headers", ())
        if name.lower().replace(b"_", b"-") == wanted
    ]
    value = same[0][1].decode("utf-8", "replace").strip() if same else ""
    return value, len(same) > 1 or any(name.lower() != wanted for name, _ in same)


def _is_trusted(scope: Mapping[str, Any]) -> bool:
    peer = guesses.parsed(str((scope.get("client") or ("",))[0]))
    return peer is not None and any(peer in network for network in settings.TRUSTED_HEADER_PEERS)
