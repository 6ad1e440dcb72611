"""Made-up words, and made-up answers of the API."""

import json
import random

Json = dict[str, object]

_SYLLABLES = ("ba", "con", "de", "for", "in", "ka", "li", "men", "no", "per", "qui", "ra", "so", "ti", "un")
_VOCABULARY = [a + b + c for a in _SYLLABLES for b in _SYLLABLES[:10] for c in _SYLLABLES[5:]]
_ERRORS = {
    400: ("invalid_request_error", "messages: text content blocks must be non-empty"),
    401: ("authentication_error", "invalid x-api-key"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    529: ("overloaded_error", "Overloaded"),
}


def words(draw: random.Random, count: int) -> str:
    """A text of so many words."""
    return " ".join(draw.choices(_VOCABULARY, k=count))


def encoded(value: object) -> bytes:
    """Compact JSON, as clients send it."""
    return json.dumps(value, separators=(",", ":")).encode()


def refusal(status: int) -> bytes:
    """The API's error of a status."""
    kind, message = _ERRORS[status]
    return encoded({"type": "error", "error": {"type": kind, "message": message}})


def error_of(status: int) -> tuple[str, str]:
    """Type and message of that error."""
    return _ERRORS[status]


def stream(message: Json, content: list[Json], usage: Json) -> list[bytes]:
    """The events of an answer, one piece of the network each; `usage` is what it says at its end."""
    start = message | {"content": [], "stop_reason": None, "usage": usage | {"output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(content):
        events += _block_events(index, block)
    ended = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    closing = {"output_tokens": usage["output_tokens"]}
    events += [{"type": "message_delta", "delta": ended, "usage": closing}, {"type": "message_stop"}]
    return [b"event: %s\ndata: %s\n\n" % (str(one["type"]).encode(), encoded(one)) for one in events]


def _block_events(index: int, block: Json) -> list[Json]:
    if block["type"] == "text":
        empty: Json = {"type": "text", "text": ""}
        delta: Json = {"type": "text_delta", "text": block["text"]}
    else:
        empty = block | {"input": {}}
        delta = {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
    return [
        {"type": "content_block_start", "index": index, "content_block": empty},
        {"type": "content_block_delta", "index": index, "delta": delta},
        {"type": "content_block_stop", "index": index},
    ]
