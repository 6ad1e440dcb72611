"""Which tools were called and what came of it, without their content: a digest tells what is the same.

The calls stand in an answer, their results in the last messages of the next request.
"""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import NamedTuple

import msgspec

from proxy.conversations.findings.request_parts import blocks_in, blocks_of, type_of, without_marks
from proxy.wire.lenient import as_dict, as_text, parse
from proxy.wire.request_shape import Message, shape_of

_DIGEST_BYTES = 16


class Call(NamedTuple):
    """A tool that an answer asks for; `input` is a digest."""

    id: str
    name: str
    input: bytes


class Result(NamedTuple):
    """What a client reports of a call; `content` is a digest, `size` the bytes of its JSON, None of what was stored without it."""

    id: str
    content: bytes
    is_error: bool
    size: int | None = None


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A call with its result: None while there is none. `seconds` from the end of the answer to the request with the result."""

    name: str
    input: bytes
    result: bytes | None = None
    is_error: bool = False
    seconds: float | None = None
    size: int | None = None


def calls_in(message: object, key: bytes = b"") -> list[Call]:
    """The calls of an answer's whole message. With a `key` (64 bytes at most) digests say nothing to who does not have it."""
    return [
        Call(_text(block, "id"), _text(block, "name"), digest(as_dict(block).get("input"), key))
        for block in blocks_of(message)
        if type_of(block) == "tool_use"
    ]


def results_in(body: bytes, key: bytes = b"") -> list[Result]:
    """The results that a request brings: those behind the last message of the assistant."""
    shape = shape_of(body)
    return results_of((shape.messages or []) if shape else [], key)


def results_of(messages: Sequence[Message], key: bytes = b"") -> list[Result]:
    """The same of a request's messages."""
    last = list(takewhile(lambda message: message.role != "assistant", reversed(messages)))
    contents = (blocks_in(parse(bytes(message.content))) for message in reversed(last))
    return [
        _result(as_dict(block), key)
        for blocks in contents
        for block in blocks
        if type_of(block) == "tool_result"
    ]


def joined(
    calls: Iterable[Call], results: Iterable[Result], seconds: float | None = None
) -> Iterator[ToolUse]:
    """The calls of a turn with the results that the next turn brought so much later."""
    by_id = {result.id: result for result in results}
    for call in calls:
        if found := by_id.get(call.id):
            yield ToolUse(call.name, call.input, found.content, found.is_error, seconds, found.size)
        else:
            yield ToolUse(call.name, call.input)


def digest(value: object, key: bytes = b"") -> bytes:
    """The same for the same JSON, in whatever order its members come."""
    return _digest(_encoded(value), key)


def _encoded(value: object) -> bytes:
    return msgspec.json.encode(value, order="sorted")


def _digest(encoded: bytes, key: bytes) -> bytes:
    return hashlib.blake2b(encoded, digest_size=_DIGEST_BYTES, key=key).digest()


def _result(block: dict[str, object], key: bytes) -> Result:
    content = _encoded(blocks_in(without_marks(block).get("content")))
    is_error = block.get("is_error") is True
    return Result(_text(block, "tool_use_id"), _digest(content, key), is_error, len(content))


def _text(block: object, member: str) -> str:
    return as_text(as_dict(block).get(member)) or ""
