"""Which fields of an answer's `usage` Nexus does not understand: what they say may be billed, so no bill with one is exact.

Known is what api types and price pages describe (https://docs.anthropic.com/en/api/messages, the object `usage`).
A value that says nothing (null, 0, false, an empty text, an object or a list of such values) is nothing to be understood.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import islice

from proxy.wire.lenient import as_count, as_dict

# Before the name of a field whose value came and could not be read; no field of the API is called so.
UNREADABLE = "unreadable "
MOST_REASONS = 20

_LONGEST_NAME = 80
# Nothing that the API tells is nested so deep; beyond, whatever is there says something.
_DEPTH = 50
_COUNTS = frozenset(
    ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
)
_SPLIT = frozenset(("ephemeral_5m_input_tokens", "ephemeral_1h_input_tokens"))
_OBJECTS = {
    "cache_creation": _SPLIT,
    "output_tokens_details": frozenset(("thinking_tokens",)),
}
_SERVER_TOOLS = {"server_tool_use": frozenset(("web_search_requests", "web_fetch_requests"))}
_WORDS: Mapping[str, frozenset[str]] = {
    "service_tier": frozenset(("standard", "priority", "batch")),
    "speed": frozenset(("standard", "fast")),
    "inference_geo": frozenset(("global", "not_available", "us")),
}
_ITERATION_TYPES = frozenset(("message", "compaction", "advisor_message", "fallback_message"))


def says_something(value: object, depth: int = 0) -> bool:
    """Whether a value holds a number other than 0, `true` or a text that is not empty, at any depth."""
    if not isinstance(value, dict | list) or depth == _DEPTH:
        return bool(value)
    inner = value.values() if isinstance(value, dict) else value
    return any(says_something(item, depth + 1) for item in inner)


def not_understood(raw: Mapping[str, object]) -> list[str]:
    """The names of the fields, with dots, that a bill by this `usage` leaves out; at most MOST_REASONS of them."""
    return list(islice(_usage(raw), MOST_REASONS))


def _usage(raw: Mapping[str, object]) -> Iterator[str]:
    for name, value in raw.items():
        if name == "iterations":
            yield from _iterations(value, raw)
        elif name == "fallback_credit":
            yield from _credit(value)
        elif name in _WORDS:
            if says_something(value) and not _is_one_of(value, _WORDS[name]):
                yield name
        else:
            yield from _field(name, value, _OBJECTS | _SERVER_TOOLS)


def _iterations(value: object, raw: Mapping[str, object]) -> Iterator[str]:
    if not isinstance(value, list):
        yield from ["iterations"] if says_something(value) else []
        return
    for number, item in enumerate(value):
        at = f"iterations.{number}"
        if isinstance(item, dict):
            yield from (f"{at}.{name}" for name in _iteration(item, raw))
        elif says_something(item):
            yield at


def _iteration(item: Mapping[str, object], raw: Mapping[str, object]) -> Iterator[str]:
    if not _is_one_of(item.get("type"), _ITERATION_TYPES):
        yield "type"
    for name, value in item.items():
        if name == "model":
            if says_something(value) and not isinstance(value, str):
                yield name
        elif name in _WORDS:
            # Not the API's; where it is there all the same, the whole answer's word is what is billed.
            if says_something(value) and value != raw.get(name):
                yield name
        elif name != "type":
            yield from _field(name, value, _OBJECTS)


def _field(name: str, value: object, objects: Mapping[str, frozenset[str]]) -> Iterator[str]:
    if name in _COUNTS:
        if says_something(value) and as_count(value) is None:
            yield name
    elif name in objects and isinstance(value, dict):
        yield from (f"{name}.{inner}" for inner in _counts(value, objects[name]))
    elif says_something(value):
        yield name[:_LONGEST_NAME]


def _counts(value: Mapping[str, object], known: Iterable[str]) -> Iterator[str]:
    for name, count in value.items():
        if says_something(count) and (name not in known or as_count(count) is None):
            yield name[:_LONGEST_NAME]


def _credit(value: object) -> Iterator[str]:
    """`{"status": {"type": "redeemed" | "not_applied", "reason": …}}`: what it means is the bill's to say."""
    for name, inner in as_dict(value).items():
        if name != "status" and says_something(inner):
            yield f"fallback_credit.{name[:_LONGEST_NAME]}"
    if says_something(value) and credit_status(value) not in ("redeemed", "not_applied"):
        yield "fallback_credit.status"


def credit_status(value: object) -> object:
    """The word in `usage.fallback_credit`, whether it stands there itself or as an object's type."""
    status = as_dict(value).get("status")
    return as_dict(status).get("type") if isinstance(status, dict) else status


def _is_one_of(value: object, known: frozenset[str]) -> bool:
    return isinstance(value, str) and value in known
