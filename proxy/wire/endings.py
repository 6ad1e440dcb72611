"""Whether an answer that ended in good HTTP form came to its own end.

HTTP says that all bytes are there, not that they are a message: a load balancer answers with a page, a server that restarts
ends its stream early and in good order.
"""

from typing import NamedTuple

from proxy.wire.lenient import as_dict, is_crowded
from proxy.wire.messages import ResponseContent

NO_END = "no_end"
NOT_JSON = "not_json"
EMPTY = "empty"

# Of other paths not enough is known to tell.
_LAST_OF = {
    "/v1/messages": "its last event, message_stop",
    "/v1/complete": "an event that has a stop_reason",
}
_RESPONSES = ("content", "completion")


class MissingEnd(NamedTuple):
    """What kind of end is missing, and a sentence about it."""

    error_type: str
    message: str


def missing_end(
    method: str, path: str, response: ResponseContent, content_type: str, body: bytes
) -> MissingEnd | None:
    """What is missing from a successful answer, read from its plain `body`; None where it is whole, or is no model's answer."""
    last = _LAST_OF.get(path)
    if method != "POST" or last is None:
        return None
    if not body.strip():
        return MissingEnd(EMPTY, "The API's answer has no body.")
    if response.streamed:
        return None if response.finished else MissingEnd(NO_END, f"The API ended its stream without {last}.")
    return _missing_of_json(response.message, content_type, body)


def _missing_of_json(message: dict[str, object] | None, content_type: str, body: bytes) -> MissingEnd | None:
    if message is not None:
        is_error = "error" in message and not any(name in message for name in _RESPONSES)
        return MissingEnd(NO_END, _error_without_type(message)) if is_error else None
    if is_crowded(body):  # nobody looked at it
        return None
    if body.lstrip().startswith(b"{"):
        return MissingEnd(NO_END, "The JSON of the API's answer breaks off or cannot be read.")
    kind = content_type.partition(";")[0].strip() or "without a content type"
    return MissingEnd(NOT_JSON, f"What came as the API's answer is no JSON ({kind}).")


def _error_without_type(message: dict[str, object]) -> str:
    words = as_dict(message["error"]).get("message") or message["error"]
    return f"The API's answer is an error without a type: {words}"
