"""Browsers: preflights and answers for the origins that the operator allows, nothing for others."""

from django.conf import settings

from proxy.relay.http.headers import Headers
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.responses import RawResponse

MAX_AGE_SECONDS = 86_400


def headers(request: RelayRequest) -> Headers:
    """What an allowed origin's page needs to read an answer."""
    if not settings.CORS_ALLOWED_ORIGINS:
        return []
    origin = _origin(request)
    if origin not in settings.CORS_ALLOWED_ORIGINS:
        return []
    return [
        (b"access-control-allow-origin", origin.encode()),
        (b"access-control-expose-headers", b"*"),
        (b"vary", b"origin"),
    ]


def preflight(request: RelayRequest) -> RawResponse | None:
    """The answer to an allowed origin's preflight; None where the request goes its usual way."""
    if request.method != "OPTIONS":
        return None
    wanted = {name: value for name, value in request.pairs if name.startswith(b"access-control-request-")}
    allowed = headers(request)
    if not allowed or b"access-control-request-method" not in wanted:
        return None
    asked = wanted.get(b"access-control-request-headers", b"content-type, authorization, x-api-key")
    return RawResponse(
        204,
        [
            *allowed,
            (b"access-control-allow-methods", b"GET, POST, DELETE, OPTIONS"),
            (b"access-control-allow-headers", asked),
            (b"access-control-max-age", str(MAX_AGE_SECONDS).encode()),
        ],
    )


def _origin(request: RelayRequest) -> str:
    return request.first(b"origin").decode("utf-8", "replace")
