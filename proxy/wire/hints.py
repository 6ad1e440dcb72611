"""Guess facts of a request body by byte search, for the hot path, where no body is parsed.

The worker reads the exact facts later (`proxy.wire.requests`).
"""

import re

import msgspec

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.){0,256}")')
_STREAM = re.compile(rb'"stream"\s*:\s*(true|false)')
_MODEL_FIRST = re.compile(rb'\s*\{\s*"model"\s*:')
# Each try costs a scan back to the previous occurrence; a body full of them must not stall the loop.
_TRIES = 64


def model_of(body: bytes) -> str:
    """The model that a request body names, "" where none is found.

    A leading `model` is taken. Otherwise the last one wins: what precedes it may be an argument of a tool
    in an earlier message, and the SDKs send `model` after `messages`.
    """
    found = _MODEL.match(body, body.find(b'"')) if _MODEL_FIRST.match(body) else None
    quoted = found[1] if found else _last(_MODEL, b'"model"', body)
    try:
        return msgspec.json.decode(quoted, type=str).replace("\x00", "")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def wants_stream(body: bytes) -> bool:
    """Whether a request body asks for a stream."""
    return _last(_STREAM, b'"stream"', body) == b"true"


def _last(pattern: re.Pattern[bytes], key: bytes, body: bytes) -> bytes:
    end = len(body)
    for _ in range(_TRIES):
        start = body.rfind(key, 0, end)
        if start < 0:
            break
        if found := pattern.match(body, start):
            return found[1]
        end = start
    return b""
