"""Errors in the API's shape (https://docs.claude.com/en/api/errors)."""

import json

from nexus_project.demo.emulator.api.ids import new_id
from nexus_project.demo.script import Script

ERRORS = {
    400: ("invalid_request_error", "The request was refused by the emulator."),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "Your credit balance is too low to access the API."),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "Not found"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    500: ("api_error", "Internal server error"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "The request timed out while processing."),
    529: ("overloaded_error", "Overloaded"),
}
WORTH_A_RETRY = (408, 409, 429)


def error(status: int, message: str | None = None, code: str | None = None) -> Script:
    """Return an error answer; an unlisted status gets `api_error`, or `invalid_request_error` below 500.

    `code` names the cause for programs, as few of the API's errors do.
    """
    fallback = ("invalid_request_error" if status < 500 else "api_error", f"Emulated status {status}")
    kind, usual = ERRORS.get(status, fallback)
    request_id = new_id("req")
    problem: dict[str, object] = {"type": kind, "message": message or usual}
    if code:
        problem["details"] = {"error_code": code}
    body = json.dumps(
        {"type": "error", "error": problem, "request_id": request_id},
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    retry = status in WORTH_A_RETRY or status >= 500
    headers = (
        ("content-type", "application/json"),
        ("content-length", str(len(body))),
        ("x-should-retry", "true" if retry else "false"),
        ("request-id", request_id),
    )
    return Script(status, headers, (body,))
