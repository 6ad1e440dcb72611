"""Who may ask what of the API."""

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import APIKeyHeader
from ninja.utils import check_csrf

from dashboard.access.signin import (
    MANAGE_ACCESS,
    NOT_ALLOWED,
    READ_BODIES,
    STOP_STREAMS,
    VIEW_FIGURES,
    Visitor,
    may_stop,
    visitor,
)
from dashboard.api import parameters

NO_STOPPER = "Stops are made by people: sign in as a user with “stop_streams”. DASHBOARD_API_KEY reads only."
NO_CSRF = "The CSRF token is missing or not right: send the value of the cookie csrftoken in X-CSRFToken."
REFUSALS = {
    Visitor.UNKNOWN: (
        401,
        "API key required: send DASHBOARD_API_KEY in X-Dashboard-Key, X-API-Key or Authorization: Bearer.",
    ),
    Visitor.REFUSED: (403, "This API key is not right: it is the value of DASHBOARD_API_KEY on the server."),
    Visitor.THROTTLED: (
        429,
        "Too many wrong keys from this address: wait as many seconds as Retry-After says.",
    ),
    Visitor.NOBODY_YET: (503, "The dashboard is not configured: set DASHBOARD_API_KEY and restart it."),
}


class DashboardKey(APIKeyHeader):
    """The dashboard's key in any of its headers, or the session of a signed-in person."""

    param_name = "X-Dashboard-Key"
    right = VIEW_FIGURES

    def authenticate(self, request: HttpRequest, key: str | None) -> Visitor:
        who = visitor(request, self.right)
        if who is Visitor.NOT_ALLOWED:
            raise HttpError(403, NOT_ALLOWED[self.right])
        if who is not Visitor.WELCOME:
            raise HttpError(*REFUSALS[who])
        # Here, where every operation comes by and who asks is known.
        parameters.refuse_unknown(request)
        return who


class BodiesKey(DashboardKey):
    """The same for what holds bodies or headers."""

    right = READ_BODIES


class ManagerKey(DashboardKey):
    """The session of staff who may change all that gives access."""

    right = MANAGE_ACCESS


class StopperKey(DashboardKey):
    """The session of a person who may stop what runs, and the proof that a page of this dashboard asks (CSRF)."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Visitor:
        who = super().authenticate(request, key)
        if not may_stop(request):
            is_person = request.user.is_authenticated
            raise HttpError(403, NOT_ALLOWED[STOP_STREAMS] if is_person else NO_STOPPER)
        # The session comes by itself with whatever a browser sends.
        if check_csrf(request):
            raise HttpError(403, NO_CSRF)
        return who
