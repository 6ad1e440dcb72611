"""Requests of a session, as the relay has them."""

from typing import Any

from proxy.relay.http.request import RelayRequest


async def nothing() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


def request_of(session: str, body: bytes = b"") -> RelayRequest:
    """A request with this session in its header, "" for none."""
    headers = [(b"x-claude-code-session-id", session.encode())] if session else []
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/messages",
        "query_string": b"",
        "headers": headers,
        "extensions": {},
    }
    request = RelayRequest(scope, nothing)
    request.content = body
    return request
