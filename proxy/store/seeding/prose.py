"""Made-up words, and made-up answers of the API."""

import json
import random
from typing import cast

Json = dict[str, object]

_SYLLABLES = ("ba", "con", "de", "for", "in", "ka", "li", "men", "no", "per", "qui", "ra", "so", "ti", "un")
_VOCABULARY = [a + b + c for a in _SYLLABLES for b in _SYLLABLES[:10] for c in _SYLLABLES[5:]]
# How a request was served is reported when its response begins, and not again.
_AT_START = ("cache_creation", "service_tier", "inference_geo", "speed")
_AT_END = ("iterations", "output_tokens_details")
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


def stream(message: Json, usage: Json) -> list[bytes]:
    """The events of an answer, one piece of the network each; `usage` is what it says at its end."""
    content = cast(list[Json], message["content"])
    known = {"content": [], "stop_reason": None, "stop_details": None, "model": _asked(message, content)}
    begun = {name: value for name, value in usage.items() if name not in _AT_END}
    start = message | known | {"usage": {**begun, "output_tokens": 1}}
    events: list[Json] = [{"type": "message_start", "message": start}]
    for index, block in enumerate(content):
        events += _block_events(index, block)
    ended = {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")}
    closing = {name: value for name, value in usage.items() if name not in _AT_START}
    events += [{"type": "message_delta", "delta": ended, "usage": closing}, {"type": "message_stop"}]
    return [b"event: %s\ndata: %s\n\n" % (str(event["type"]).encode(), encoded(event)) for event in events]


def _asked(message: Json, content: list[Json]) -> object:
    """The model that began: where another one took over, the message names that one."""
    declined = [cast(Json, block["from"])["model"] for block in content if block["type"] == "fallback"]
    return declined[0] if declined else message["model"]


def _block_events(index: int, block: Json) -> list[Json]:
    opened, deltas = _fragments(block)
    return [
        {"type": "content_block_start", "index": index, "content_block": opened},
        *({"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": index},
    ]


def _fragments(block: Json) -> tuple[Json, list[Json]]:
    """How a block begins, and what is added to it."""
    match block["type"]:
        case "text":
            return {"type": "text", "text": ""}, [{"type": "text_delta", "text": block["text"]}]
        case "thinking":
            return block | {"signature": ""}, [{"type": "signature_delta", "signature": block["signature"]}]
        case "compaction":
            empty: Json = {"type": "compaction", "content": None, "encrypted_content": None}
            return empty, [block | {"type": "compaction_delta"}]
        case "tool_use":
            written = json.dumps(block["input"])
            return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": written}]
    return block, []
