"""Cut a request where agents repeat themselves, so that what did not change since the last turn is the same piece again.

Borders follow the JSON: the ends of array elements, the beginnings of large ones, and inside an object the ends of large
members. So a message that only gains or loses its `cache_control` or a reminder keeps its large pieces. No border can be
wrong: pieces are slices of the body, whatever is in it.
"""

import re
from collections.abc import Iterable

import msgspec
from xxhash import xxh3_128_digest

from proxy.wire.lenient import is_crowded

# Bytes. On an agent's session the sum of pieces, their rows and manifests is the least here, far from it a quarter more.
SMALL = 768
# A request, its messages, a message, its content, a block, the content of a tool's result, a block of that.
_DEPTH = 7
# A message is the same bytes turn after turn: where it is cut is remembered by its length and a fast digest, as a made-up
# collision could only cut its maker's message elsewhere. An entry takes a few hundred bytes.
_ELEMENTS_DEPTH = _DEPTH - 2
_MOST_REMEMBERED = 20_000
_remembered: dict[tuple[int, bytes], list[int]] = {}
_SPACE = rb"[ \t\n\r]*+"
_END = re.compile(_SPACE + rb"[\]}]" + _SPACE)
_TO_ELEMENT = re.compile(rb"[\[,]?" + _SPACE + rb",?" + _SPACE)
_TO_MEMBER = re.compile(
    _SPACE + rb"[{,]?" + _SPACE + rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"' + _SPACE + rb":" + _SPACE, re.DOTALL
)
_elements = msgspec.json.Decoder(list[msgspec.Raw]).decode
_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


def chunks_of_body(body: bytes) -> list[bytes]:
    """The pieces of a body, in order; joined they are the body. One piece if it is not JSON or crowded, none if it is empty."""
    if is_crowded(body):
        return [body]
    start, chunks = 0, []
    for border in _joined(_borders(body, body, 0, len(body), _DEPTH), len(body)):
        chunks.append(body[start:border])
        start = border
    return chunks


def _borders(body: bytes, value: bytes | msgspec.Raw, start: int, end: int, depth: int) -> list[int]:
    """Where to cut inside `value`, which is at `start` to `end` of the body: ascending, none if it is no container."""
    is_array = body.startswith(b"[", start)
    to_child = (_TO_ELEMENT if is_array else _TO_MEMBER).match
    found: list[int] = []
    for child in _children(value, is_array=is_array):
        gap = to_child(body, start, end)
        if gap is None or (after := (begin := gap.end()) + memoryview(child).nbytes) > end:
            return []
        large = after - begin >= SMALL
        if large and depth:
            if is_array or depth == _DEPTH:
                found.append(begin)
            if body[begin] in b"[{":
                find = _remembered_borders if depth - 1 == _ELEMENTS_DEPTH else _borders
                found += find(body, child, begin, after, depth - 1)
        if large or is_array:
            found.append(after)
        start = after
    # Of a member that is there twice only the last was found, so that nothing is where it should be.
    return found if _END.fullmatch(body, start, end) else []


def _remembered_borders(body: bytes, value: msgspec.Raw, start: int, end: int, depth: int) -> list[int]:
    """What `_borders` finds, which depends on nothing but these bytes."""
    key = (end - start, xxh3_128_digest(memoryview(value)))
    known = _remembered.get(key)
    if known is None:
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        known = [border - start for border in _borders(body, value, start, end, depth)]
        _remembered[key] = known
    return [start + border for border in known]


def _children(value: bytes | msgspec.Raw, *, is_array: bool) -> Iterable[msgspec.Raw]:
    try:
        return _elements(value) if is_array else _members(value).values()
    except (msgspec.MsgspecError, ValueError, RecursionError):
        return ()


def _joined(borders: list[int], end: int) -> list[int]:
    """The borders, without those that would make small neighbours two pieces; the last is the end of the body.

    Left to right and anew at each large piece, so that a change is not felt far behind itself.
    """
    kept: list[int] = []
    start = last = 0
    for border in (*borders, end):
        if border - last >= SMALL and last > start:
            kept.append(last)
            start = last
        if border - start >= SMALL:
            kept.append(border)
            start = border
        last = border
    return kept if start == end else [*kept, end]
