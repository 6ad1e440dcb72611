"""Nobody on the way keeps what the dashboard says: pages are somebody's own, and bodies not even the browser stores."""

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.http import ConditionalGetMiddleware
from django.utils.deprecation import MiddlewareMixin

FIGURES = "private, no-cache"
# For answers that hold a body or headers of a request.
BODIES = "no-store"


class CacheMiddleware(MiddlewareMixin):
    """FIGURES for every answer that says nothing of its own; static files never come by here."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        response.headers.setdefault("Cache-Control", FIGURES)
        return response


class ETagMiddleware(ConditionalGetMiddleware):
    """The API says whether what a program knows already still holds (304); of bodies, which nobody keeps, it says nothing."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if not request.path.startswith("/api/") or response.streaming:
            return response
        found: HttpResponseBase = super().process_response(request, response)
        return found
