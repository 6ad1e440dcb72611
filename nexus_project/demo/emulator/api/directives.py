"""The `x-emulate` request header: how one answer shall differ from a normal one.

A comma-separated list, for example `status=529, retry-after=7` or `events=200, event-delay-ms=20`.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

SPLITS = ("events", "1", "whole")
CATEGORIES = ("cyber", "bio", "frontier_llm", "reasoning_extraction", "general_harms", "none")


@dataclass(frozen=True, slots=True)
class Directives:
    """What a request asks the emulator to do. Delays are milliseconds.

    `cut_after` and `error_event_after` count events (`cut_after`: bytes, if the answer is no stream);
    `stall` is (milliseconds, event before which the stream stalls); `events` is the number of text deltas;
    `size` is the text's length in bytes; `big_headers` is the total size in bytes of made-up answer headers;
    `split` is how the body is cut into chunks: "events", "1" (single bytes), "whole" or "random:SEED".

    `error_code` is what an asked `status` tells in `error.details`. `refusal` is the category for which the model
    declines, "none" for a refusal without one: before any word, after a text if `size` or `events` asks for one;
    where the request names `fallbacks`, another model takes over. `prompt_tokens` is how long the prompt is said to
    be, `compaction` summarizes it before the reply, `thinking_dropped` tells that a thinking block of the request
    was not read (to who names the beta), `priority` is the service tier. What the API is asked for in the body needs
    no word here: `speed`, `inference_geo`, `fallbacks`, `compaction`, `context_management`, `thinking.display`.
    """

    status: int | None = None
    error_code: str | None = None
    retry_after: str | None = None
    delay_ms: int = 0
    event_delay_ms: int = 0
    events: int | None = None
    split: str = "events"
    cut_after: int | None = None
    error_event_after: int | None = None
    stall: tuple[int, int] | None = None
    size: int | None = None
    tools: tuple[str, ...] = ()
    thinking: bool = False
    thinking_dropped: bool = False
    refusal: str | None = None
    compaction: bool = False
    prompt_tokens: int | None = None
    priority: bool = False
    empty: bool = False
    gzip: bool = False
    redirect: bool = False
    head_cut: bool = False
    big_headers: int = 0
    script: str | None = None


def parse(header: str) -> Directives:
    """Read the header's value.

    Raises:
        ValueError: a word is unknown or its value malformed; the message names it.
    """
    fields: dict[str, object] = {}
    tools: list[str] = []
    for item in filter(None, (part.strip() for part in header.split(","))):
        name, _, value = item.partition("=")
        try:
            field, read = READERS[name]
            fields[field] = read(value)
        except (KeyError, ValueError):
            known = ", ".join(sorted(READERS))
            raise ValueError(f"x-emulate: cannot read {item!r}; known words: {known}") from None
        if name == "tool":
            tools.append(value)
    return msgspec.convert({**fields, "tools": tools}, Directives)


def _number(value: str) -> int:
    if not value.isdecimal():
        raise ValueError(value)
    return int(value)


def _flag(value: str) -> bool:
    if value:
        raise ValueError(value)
    return True


def _text(value: str) -> str:
    if not value:
        raise ValueError(value)
    return value


def _stall(value: str) -> tuple[int, int]:
    milliseconds, _, event = value.partition("@")
    return _number(milliseconds), _number(event)


def _category(value: str) -> str:
    if value not in CATEGORIES:
        raise ValueError(value)
    return value


def _split(value: str) -> str:
    if value not in SPLITS and not value.startswith("random:"):
        raise ValueError(value)
    return value


READERS: dict[str, tuple[str, Callable[[str], object]]] = {
    "status": ("status", _number),
    "error-code": ("error_code", _text),
    "retry-after": ("retry_after", _text),
    "delay-ms": ("delay_ms", _number),
    "event-delay-ms": ("event_delay_ms", _number),
    "events": ("events", _number),
    "split": ("split", _split),
    "cut-after": ("cut_after", _number),
    "error-event-after": ("error_event_after", _number),
    "stall-ms": ("stall", _stall),
    "size": ("size", _number),
    "tool": ("tools", _text),
    "thinking": ("thinking", _flag),
    "thinking-dropped": ("thinking_dropped", _flag),
    "refusal": ("refusal", _category),
    "compaction": ("compaction", _flag),
    "prompt-tokens": ("prompt_tokens", _number),
    "priority": ("priority", _flag),
    "empty": ("empty", _flag),
    "gzip": ("gzip", _flag),
    "redirect": ("redirect", _flag),
    "head-cut": ("head_cut", _flag),
    "big-headers": ("big_headers", _number),
    "script": ("script", _text),
}
