"""Bodies that are large in every way that a client or upstream can make them, near the 32 MiB that a request may have."""

import json
from collections.abc import Callable

from proxy.record import Record
from tests.store.records import SSE, make_closing, make_record, say

MIB = 1024**2


def _keys(count: int) -> bytes:
    return b"{" + b",".join(b'"key%07d":%d' % (number, number) for number in range(count)) + b"}"


def _request(inner: bytes, name: bytes = b"extra") -> bytes:
    return b'{"model":"m","messages":[{"role":"user","content":"hi"}],"%s":%s}' % (name, inner)


def _content(blocks: bytes) -> bytes:
    return b'{"model":"m","messages":[{"role":"user","content":[%s]}]}' % blocks


def _text(count: int, size: int) -> bytes:
    return b",".join([b'{"type":"text","text":"%s"}' % (b"x" * size)] * count)


def _distinct(count: int, size: int) -> bytes:
    return b",".join(b'{"type":"text","text":"%08d%s"}' % (number, b"x" * size) for number in range(count))


def _many_messages(count: int) -> bytes:
    messages = [{"role": "user", "content": f"message {number}"} for number in range(count)]
    return json.dumps({"model": "m", "messages": messages}).encode()


def _events(count: int, event: bytes) -> bytes:
    return event * count


_DELTA = (
    b"event: content_block_delta\n"
    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"x"}}\n\n'
)

REQUESTS: dict[str, Callable[[], bytes]] = {
    "a million keys": lambda: _keys(1_000_000),
    "a million keys beside messages": lambda: _request(_keys(990_000)),
    "metadata of a million keys": lambda: _request(_keys(990_000), b"metadata"),
    "depth of a hundred thousand": lambda: _request(b"[" * 100_000 + b"]" * 100_000),
    "depth of objects": lambda: _request(b'{"a":' * 100_000 + b"1" + b"}" * 100_000),
    "a million tiny blocks": lambda: _content(b",".join([b"{}"] * 1_000_000)),
    "nine hundred thousand numbers": lambda: _request(b"[" + b",".join([b"0.1234567890"] * 900_000) + b"]"),
    "a string of 20 MB": lambda: _content(_text(1, 20_000_000)),
    "a string of escapes": lambda: _content(b'{"type":"text","text":"%s"}' % (b"\\u0041" * 5_000_000)),
    "many blocks of text": lambda: _content(_text(200_000, 60)),
    "many blocks that differ": lambda: _content(_distinct(30_000, 800)),
    "a hundred thousand messages": lambda: _many_messages(100_000),
    "reminders": lambda: _content(
        b'{"type":"text","text":"%s"}' % (b"<system-reminder>x</system-reminder> " * 500_000)
    ),
    "unclosed reminders": lambda: _content(
        b'{"type":"text","text":"%s"}' % (b"<system-reminder>" * 1_000_000)
    ),
    "lone surrogates": lambda: _request(b"[" + b",".join([b'"\\ud800 and some more text"'] * 600_000) + b"]"),
    "half a million objects": lambda: _request(b"[" + b",".join([b'{"key0001":12345678}'] * 490_000) + b"]"),
    "messages that are no list": lambda: b'{"model":"m","messages":%s}' % _keys(990_000),
    "a model of a million keys": lambda: b'{"model":%s,"messages":[]}' % _keys(990_000),
    "a broken end": lambda: _keys(1_000_000)[:-1],
    "not UTF-8": lambda: _request(b'"' + b"\xff" * 20_000_000 + b'"'),
    "tools": lambda: _request(
        b"[" + b",".join([b'{"name":"tool","input_schema":{}}'] * 250_000) + b"]", b"tools"
    ),
    "a name of every word": lambda: _request(b'"' + b"token=abc secret=def " * 900_000 + b'"'),
}
RESPONSES: dict[str, Callable[[], bytes]] = {
    "a million keys": lambda: say(extra=1)[:-1] + b',"more":' + _keys(990_000) + b"}",
    "a usage of a million keys": lambda: b'{"type":"message","model":"m","usage":%s}' % _keys(990_000),
    "iterations": lambda: (
        b'{"type":"message","model":"m","usage":{"iterations":[%s]}}'
        % b",".join([b'{"type":"message","input_tokens":1}'] * 300_000)
    ),
    "server tools of a million keys": lambda: (
        b'{"type":"message","model":"m","usage":{"server_tool_use":%s}}' % _keys(990_000)
    ),
    "tool calls without anything": lambda: (
        b'{"type":"message","model":"m","content":[%s]}'
        % b",".join([b'{"type":"tool_use","id":"toolu_1"}'] * 490_000)
    ),
    "attempts": lambda: (
        b'{"type":"message","model":"m","content":[%s]}'
        % b",".join([b'{"type":"fallback","from":{"model":"claude-1"},"to":{"model":"claude-2"}}'] * 200_000)
    ),
    "details of a million keys": lambda: b'{"type":"message","model":"m","stop_details":%s}' % _keys(990_000),
    "tools": lambda: (
        b'{"type":"message","model":"m","content":[%s]}'
        % b",".join([b'{"type":"tool_use","id":"t","name":"Read","input":{"file_path":"/a"}}'] * 200_000)
    ),
    "a string of 20 MB": lambda: say("x" * 20_000_000),
    "an error of 20 MB": lambda: (
        b'{"type":"error","error":{"type":"e","message":"%s"}}' % (b"token=a " * 2_500_000)
    ),
    "nesting": lambda: b'{"type":"message","model":"m","usage":{"a":%s}}' % (b"[" * 900 + b"]" * 900),
}
STREAMS: dict[str, Callable[[], bytes]] = {
    "text deltas": lambda: _events(200_000, _DELTA),
    "a million tiny events": lambda: _events(1_000_000, b"event: x\ndata: {}\n\n"),
    "a million events without a name": lambda: _events(1_000_000, b"data:{}\n\n"),
    "usages": lambda: _events(
        200_000, b'event: message_delta\ndata: {"type":"message_delta","usage":{"output_tokens":1}}\n\n'
    ),
    "other deltas": lambda: _events(
        200_000,
        b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"z"}}\n\n',
    ),
    "blocks": lambda: b"".join(
        b'event: content_block_start\ndata: {"type":"content_block_start","index":%d,"content_block":{}}\n\n'
        % number
        for number in range(200_000)
    ),
    "one event of 20 MB": lambda: (
        b'event: message_start\ndata: {"type":"message_start","message":{"id":"%s"}}\n\n'
        % (b"x" * 20_000_000)
    ),
    "an event without an end": lambda: b"data: " + b"x" * 20_000_000,
    "nothing but line ends": lambda: b"\n" * 20_000_000,
    "fields of a message": lambda: b"".join(
        b'event: message_delta\ndata: {"type":"message_delta","delta":{"k%d":1}}\n\n' % number
        for number in range(200_000)
    ),
}


def names() -> list[str]:
    """What `record_of` makes."""
    kinds = {"request": REQUESTS, "response": RESPONSES, "stream": STREAMS}
    return [f"{kind}: {name}" for kind, shapes in kinds.items() for name in shapes]


def record_of(name: str) -> Record:
    """A record with such a body."""
    kind, _, shape = name.partition(": ")
    if kind == "request":
        return make_record(REQUESTS[shape]())
    if kind == "response":
        return make_record(None, RESPONSES[shape]())
    return make_record(None, STREAMS[shape](), closing=make_closing(headers=SSE))
