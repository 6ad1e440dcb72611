"""Every error in the dashboard's own words: JSON under /api, a page elsewhere."""

from http import HTTPStatus

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from accounts.fields import UnreadableSecret

NO_DATABASE = (
    "The database does not answer. Nothing is lost: the proxy keeps its records until it is back. "
    "Check DATABASE_URL and PostgreSQL."
)
UNREADABLE = "A stored secret cannot be decrypted. Put the key that wrote it back into FIELD_ENCRYPTION_KEYS and restart."
CODES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    422: "invalid_request",
    429: "too_many_requests",
    503: "service_unavailable",
}
MESSAGES = {
    400: "The request cannot be read.",
    403: "This is not allowed.",
    404: "There is nothing at this address; /api/docs lists what there is.",
    405: "This method is not allowed here; /api/docs lists what is.",
    500: "The dashboard failed; its log says why.",
}


def json_error(status: int, message: str = "") -> JsonResponse:
    """`{"error": {"code", "message"}}`, the shape of every error under /api (docs/predecessor.md#api-shapes)."""
    code = CODES.get(status, "internal_error" if status >= 500 else "error")
    text = message or MESSAGES.get(status) or HTTPStatus(status).phrase
    return JsonResponse({"error": {"code": code, "message": text}}, status=status)


def is_api(request: HttpRequest) -> bool:
    return request.path == "/api" or request.path.startswith("/api/")


def unavailable(request: HttpRequest, message: str) -> HttpResponse:
    """503, with what to do about it."""
    if is_api(request):
        return json_error(503, message)
    return render(request, "503.html", {"message": message}, status=503)


class ErrorMiddleware(MiddlewareMixin):
    """Outages become 503, and whatever fails under /api answers in JSON."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OperationalError | InterfaceError):
            return unavailable(request, NO_DATABASE)
        if isinstance(exception, UnreadableSecret):
            return unavailable(request, UNREADABLE)
        return None

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        if response.status_code < 400 or is_json or not is_api(request):
            return response
        in_json = json_error(response.status_code)
        if "Allow" in response.headers:
            in_json.headers["Allow"] = response.headers["Allow"]
        return in_json
