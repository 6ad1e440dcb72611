"""Bodies that no good client and no good upstream would send, by what is wrong with them."""

import gzip
import json
import random
from dataclasses import dataclass, field

from proxy.record import HeaderPairs
from tests.store.records import JSON, SSE, ask, say, start, stream

SCRIPT = "<script>alert(1)</script>"
GZIP: HeaderPairs = [("content-encoding", "gzip"), ("content-type", "application/json")]


@dataclass(frozen=True)
class Bad:
    """An exchange with something wrong in its request, its answer or both."""

    request: bytes = field(default_factory=ask)
    response: bytes = field(default_factory=say)
    request_headers: HeaderPairs = field(default_factory=lambda: [("content-type", "application/json")])
    response_headers: HeaderPairs = field(default_factory=lambda: JSON)


def nested(depth: int, opening: bytes = b"[", closing: bytes = b"]", core: bytes = b"1") -> bytes:
    return opening * depth + core + closing * depth


def around(key: str, value: bytes) -> bytes:
    """A request whose `key` is any bytes."""
    return b'{"model": "m", "%s": %s}' % (key.encode(), value)


def block(value: bytes) -> bytes:
    return around("messages", b'[{"role": "user", "content": [%s]}]' % value)


def sse(data: bytes) -> Bad:
    return Bad(response=data, response_headers=SSE)


GOOD_STREAM = stream(
    start(input_tokens=1),
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}},
    {"type": "message_stop"},
)
DELTA = (
    b'data: {"type": "content_block_delta", "index": %d, "delta": {"type": "text_delta", "text": "a"}}\n\n'
)
ODD = {"type": SCRIPT, SCRIPT: [None, True, 1.5, {SCRIPT: SCRIPT}]}
ODDITIES: list[object] = [
    ODD,
    None,
    3,
    [],
    "text",
    {"type": "tool_use", "name": SCRIPT, "id": [], "input": SCRIPT},
    {"type": "tool_result", "content": [ODD], "tool_use_id": {}},
    {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": SCRIPT}},
    {"type": "document", "title": SCRIPT, "source": 3},
    {"type": "text", "text": SCRIPT, "citations": [SCRIPT]},
    {"type": "thinking", "thinking": {"a": SCRIPT}},
]
# Around 100 masking ends, at a few hundred template and validator, near 1,000 the parsers.
DEPTHS = (99, 300, 900, 1_100, 10_000, 200_000)

BAD: dict[str, Bad] = {
    "nothing": Bad(b"", b""),
    "white space": Bad(b" \n" * 5000, b"\t"),
    "plain text": Bad(b"hello", b"<html><body>502 Bad Gateway</body></html>"),
    "markup": Bad(SCRIPT.encode(), SCRIPT.encode()),
    "random": Bad(random.Random(1).randbytes(100_000), random.Random(2).randbytes(100_000)),
    "every byte": Bad(bytes(range(256)) * 50, bytes(range(256)) * 50),
    "wrong utf-8": Bad(
        ask("x").replace(b'"x"', b'"\xff\xc3\x28"'), say("x").replace(b'"x"', b'"\xed\xa0\x80"')
    ),
    "utf-16": Bad(ask().decode().encode("utf-16"), say().decode().encode("utf-16")),
    "byte order mark": Bad(b"\xef\xbb\xbf" + ask(), b"\xef\xbb\xbf" + say()),
    "nul bytes": Bad(b"\x00" * 100_000, ask().replace(b"Hello", b"He\x00llo")),
    "escaped nul": Bad(
        ask("a\x00b", model="m\x00", metadata={"user_id": "\x00"}), say("\x00", id="\x00", stop_reason="\x00")
    ),
    "half an emoji": Bad(
        b'{"model": "\\ud83d", "messages": [{"role": "user", "content": "\\ud83d"}]}', say("\ud83d")
    ),
    "numbers": Bad(
        b'{"model": 1e999, "max_tokens": %s, "x": [NaN, Infinity, -0]}' % (b"9" * 5000),
        say(usage={"input_tokens": 10**400, "output_tokens": -1, "x": 1e308}),
    ),
    "twice the same member": Bad(
        b'{"model": "a", "model": "b", "messages": [], "messages": {}}', b'{"type": "message", "type": 3}'
    ),
    "cut json": Bad(ask()[:-20], say()[:40]),
    "no object": Bad(b"[1, 2]", b'"text"'),
    "unknown blocks": Bad(
        ask(messages=[{"role": SCRIPT, "content": ODDITIES}, 3, None]), say(content=ODDITIES, usage=ODD)
    ),
    "odd shapes": Bad(
        ask(messages=ODD, system=ODD, tools=ODDITIES, metadata=[]), say(content=ODD, usage=[], model=[])
    ),
    "10,000 messages": Bad(ask(messages=[{"role": "user", "content": f"again {n}"} for n in range(10_000)])),
    "5,000 blocks in a message": Bad(block(b",".join([b'{"type": "text", "text": "a"}'] * 5_000))),
    "5,000 unknown blocks": Bad(block(b",".join([b'{"type": "new"}'] * 5_000))),
    "20,000 tools": Bad(ask(tools=[{"name": f"tool{n}"} for n in range(20_000)])),
    "5,000 tool calls": Bad(
        response=say(content=[{"type": "tool_use", "name": f"t{n}", "input": {}} for n in range(5_000)])
    ),
    "60,000 members": Bad(json.dumps({f"k{n}": n for n in range(60_000)}).encode()),
    "a reminder that never ends": Bad(ask("<system-reminder>" * 60_000), say("<system-reminder>" * 60_000)),
    "60,000 reminders": Bad(ask("<system-reminder>a</system-reminder>" * 60_000)),
    "markdown": Bad(ask("[" * 30_000), say("*_`[" * 10_000)),
    "quotes": Bad(ask(">" * 39_000), say(("> " * 500 + "a\n") * 30)),
    "a long word": Bad(ask("a" * 2_000_000), say("a" * 2_000_000)),
    "a long name": Bad(
        ask(model="m" * 10**6, metadata={"user_id": "u" * 10**6}),
        say(id="i" * 10**6, stop_reason="s" * 10**6),
    ),
    "a bomb": Bad(gzip.compress(b" " * 200_000_000, 1), gzip.compress(b" " * 200_000_000, 1), GZIP, GZIP),
    "says gzip and is not": Bad(ask(), say(), GZIP, GZIP),
    "cut gzip": Bad(gzip.compress(ask("x" * 9000))[:-9], gzip.compress(say())[:30], GZIP, GZIP),
    "stream cut in an event": sse(GOOD_STREAM[:-60]),
    "stream without an end": sse(GOOD_STREAM.rstrip() + b" " * 100),
    "stream of one line": sse(b"data: " + b"x" * 3_000_000),
    "stream of returns": sse(GOOD_STREAM.replace(b"\n", b"\r")),
    "stream of empty lines": sse(b"\n" * 1_000_000),
    "stream with wrong json": sse(GOOD_STREAM.replace(b'{"type"', b'{"type')),
    "stream with nul": sse(GOOD_STREAM.replace(b"Hello", b"\\u0000\x00\xff")),
    "stream backwards": sse(b"\n\n".join(reversed(GOOD_STREAM.split(b"\n\n")))),
    "stream of 5,000 blocks": sse(b"".join(DELTA % n for n in range(5_000))),
    "stream of odd indexes": sse(GOOD_STREAM.replace(b'"index": 0', b'"index": -99999999999999999999999')),
    "stream of markup": sse(GOOD_STREAM.replace(b"Hello", SCRIPT.encode())),
    "a stream that is none": Bad(response=say(), response_headers=SSE),
    "no stream that is one": Bad(response=GOOD_STREAM),
    "two million empty lists": Bad(around("messages", b"[%s]" % b",".join([b"[]"] * 2_000_000))),
    "a million tiny objects": sse(b"data: [%s]\n\n" % b",".join([b'{"a":1}'] * 1_000_000)),
    "300,000 empty lists": Bad(around("messages", b"[%s]" % b",".join([b"[]"] * 300_000))),
}


def deep(depth: int) -> dict[str, Bad]:
    """Nested everywhere that something looks into."""
    lists, objects = nested(depth), nested(depth, b'{"type": "x", "a": ', b"}")
    results = nested(depth, b'{"type": "tool_result", "content": [', b"]}", b'{"type": "text", "text": "a"}')
    call = b'{"type": "tool_use", "name": "t", "input": {"a": %s}}' % lists
    started = b'{"type": "content_block_start", "index": 0, "content_block": {"type": "x", "a": %s}}' % lists
    return {
        f"depth {depth:,} everywhere": Bad(lists, objects),
        f"depth {depth:,} in a block": Bad(block(objects), say("x").replace(b'"x"', lists)),
        f"depth {depth:,} of results": Bad(block(results)),
        f"depth {depth:,} of a tool's input": Bad(
            response=say("x").replace(b'{"type": "text", "text": "x"}', call)
        ),
        f"depth {depth:,} in a stream": sse(stream(start(input_tokens=1)) + b"data: %s\n\n" % started),
    }


for depth in DEPTHS:
    BAD |= deep(depth)
