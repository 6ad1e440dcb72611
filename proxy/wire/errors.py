"""Nexus's own errors in the shape of the API's, so that every client can read them.

Format: https://docs.anthropic.com/en/api/errors.
"""

from enum import Enum

import msgspec


class ErrorKind(Enum):
    """What went wrong: the API's error type and the HTTP status that carries it."""

    INVALID_REQUEST = ("invalid_request_error", 400)
    AUTHENTICATION = ("authentication_error", 401)
    PERMISSION = ("permission_error", 403)
    NOT_FOUND = ("not_found_error", 404)
    REQUEST_TIMEOUT = ("timeout_error", 408)
    REQUEST_TOO_LARGE = ("request_too_large", 413)
    RATE_LIMIT = ("rate_limit_error", 429)
    SPEND_LIMIT = ("billing_error", 429)
    HEADERS_TOO_LARGE = ("invalid_request_error", 431)
    INTERNAL = ("api_error", 500)
    UPSTREAM_FAILED = ("api_error", 502)
    UNAVAILABLE = ("api_error", 503)
    TIMEOUT = ("timeout_error", 504)
    OVERLOADED = ("overloaded_error", 529)

    @property
    def type(self) -> str:
        return self.value[0]

    @property
    def status(self) -> int:
        return self.value[1]

    @property
    def is_final(self) -> bool:
        """Whether the same request would be refused again, however often it is repeated."""
        return self.status < 500 and self not in (ErrorKind.RATE_LIMIT, ErrorKind.REQUEST_TIMEOUT)


def error_body(kind: ErrorKind, message: str, request_id: str) -> bytes:
    """The JSON body of an error answer; `message` says what happened and what to do next."""
    readable = message.encode("utf-8", "replace").decode()
    return msgspec.json.encode(
        {"type": "error", "error": {"type": kind.type, "message": readable}, "request_id": request_id}
    )
