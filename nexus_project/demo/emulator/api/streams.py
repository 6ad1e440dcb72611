"""A finished message as the server-sent events that the API would have streamed.

Format: https://docs.claude.com/en/docs/build-with-claude/streaming. As in real traffic, data lines carry
padding spaces before their last brace, a ping follows the first block start, and the input of a tool begins
with an empty delta.
"""

import json
import random
from collections.abc import Iterable, Iterator
from itertools import pairwise

from nexus_project.demo.emulator.api.call import Json

PING = b'event: ping\ndata: {"type": "ping"}\n\n'
LONGEST_PADDING = 15
CHARACTERS_PER_DELTA = (4, 48)
AT_START = ("cache_creation", "service_tier", "inference_geo", "speed")
AT_END = ("context_management",)
DELTAS = {"text": ("text_delta", "text"), "thinking": ("thinking_delta", "thinking")}


def event(name: str, data: Json, padding: int = 0) -> bytes:
    """Return one event of the stream."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return f"event: {name}\ndata: {text[:-1]}{' ' * padding}}}\n\n".encode()


def message_events(message: Json, start: Json, source: random.Random, deltas: int | None) -> Iterator[bytes]:
    """Yield a whole message event by event.

    `start` are the members that differ in its first event; `deltas` fixes the number of text deltas of a text.
    """
    for index, data in enumerate(_events(message, start, source, deltas)):
        yield event(data["type"], data, source.randint(0, LONGEST_PADDING))
        if index == 1:
            yield PING


def _events(message: Json, start: Json, source: random.Random, deltas: int | None) -> Iterator[Json]:
    known = {name: value for name, value in message.items() if name not in AT_END}
    nothing_yet: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "stop_details": None}
    yield {"type": "message_start", "message": {**known, **nothing_yet, **start}}
    for index, block in enumerate(message["content"]):
        yield {"type": "content_block_start", "index": index, "content_block": _opened(block)}
        for delta in _deltas(block, source, deltas):
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield _ending(message)
    yield {"type": "message_stop"}


def _ending(message: Json) -> Json:
    """The last event but one. Its usage is cumulative, and repeats nothing of how the request was served."""
    late = set(AT_END)
    if any(block["type"] == "fallback" for block in message["content"]):
        # Another model read the request: what was dropped of it is told anew.
        late.add("input_transformations")
    return {
        "type": "message_delta",
        "delta": {name: message[name] for name in ("stop_reason", "stop_sequence", "stop_details")},
        "usage": {name: value for name, value in message["usage"].items() if name not in AT_START},
        **{name: message[name] for name in sorted(late & message.keys())},
    }


def _opened(block: Json) -> Json:
    match block["type"]:
        case "text":
            opened = {"type": "text", "text": ""}
            return {**opened, "citations": []} if "citations" in block else opened
        case "thinking":
            return {"type": "thinking", "thinking": "", "signature": ""}
        case "compaction":
            return {"type": "compaction", "content": None, "encrypted_content": None}
        case "tool_use" | "server_tool_use":
            return {**block, "input": {}}
    return block


def _deltas(block: Json, source: random.Random, deltas: int | None) -> Iterator[Json]:
    match block["type"]:
        case "text" | "thinking" as kind:
            delta, field = DELTAS[kind]
            for citation in block.get("citations", ()):
                yield {"type": "citations_delta", "citation": citation}
            for fragment in _fragments(block[field], source, deltas if kind == "text" else None):
                yield {"type": delta, field: fragment}
            if kind == "thinking":
                yield {"type": "signature_delta", "signature": block["signature"]}
        case "compaction":
            yield {**block, "type": "compaction_delta"}
        case "tool_use" | "server_tool_use":
            yield {"type": "input_json_delta", "partial_json": ""}
            written = json.dumps(block["input"], ensure_ascii=False) if block["input"] else ""
            for fragment in _fragments(written, source, None):
                yield {"type": "input_json_delta", "partial_json": fragment}


def _fragments(text: str, source: random.Random, count: int | None) -> Iterable[str]:
    """Cut a text into pieces of random length, or into exactly `count` pieces of about equal length."""
    if count:
        edges = [len(text) * step // count for step in range(count + 1)]
    else:
        edges = [0]
        while edges[-1] < len(text):
            edges.append(min(len(text), edges[-1] + source.randint(*CHARACTERS_PER_DELTA)))
    return (text[start:stop] for start, stop in pairwise(edges))
