"""Who may ask what of the API."""

from django.http import HttpRequest
from ninja.errors import HttpError
from ninja.security import APIKeyHeader

from dashboard import reading
from dashboard.access.signin import (
    MANAGE_ACCESS,
    OF_ALL_DOMAINS,
    READ_BODIES,
    VIEW_FIGURES,
    Visitor,
    lacking,
    let_in,
)
from dashboard.api import narrowing, parameters

NO_MANAGER = "This is for users with the permission “manage_access”: sign in as such a user. DASHBOARD_API_KEY does not open it."
REFUSALS = {
    Visitor.UNKNOWN: (
        401,
        "API key required: send DASHBOARD_API_KEY or an API token in X-Dashboard-Key, X-API-Key or Authorization: Bearer.",
    ),
    Visitor.REFUSED: (
        403,
        "This API key is not right: give the value of DASHBOARD_API_KEY on the server, or a valid token.",
    ),
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
        who, reader = let_in(request, self.right)
        if who is Visitor.NOT_ALLOWED:
            raise HttpError(403, lacking(request, self.right))
        if reader is None:
            raise HttpError(*REFUSALS[who])
        if reader.is_bound and not narrowing.is_narrowed(request):
            raise HttpError(403, OF_ALL_DOMAINS)
        reading.enter(reader)
        # Here, where every operation comes by and who asks is known.
        parameters.refuse_unknown(request)
        return who


class BodiesKey(DashboardKey):
    """The same for what holds bodies or headers."""

    right = READ_BODIES


class ManagerKey(DashboardKey):
    """The session of a user who may manage access; the dashboard's key is nobody's own, and reads only."""

    def authenticate(self, request: HttpRequest, key: str | None) -> Visitor:
        who = super().authenticate(request, key)
        if not request.user.has_perm(MANAGE_ACCESS):
            raise HttpError(403, NO_MANAGER)
        return who
