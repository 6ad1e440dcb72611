"""Guess facts of a request body by byte search, for the hot path, where no body is parsed.

The worker reads the exact facts later (`proxy.wire.requests`).
"""

import re

import msgspec

_MODEL = re.compile(rb'"model"\s*:\s*("(?:[^"\\]|\\.){0,256}")')
_USER_ID = re.compile(rb'"user_id"\s*:\s*("(?:[^"\\]|\\.){0,1024}")')
_STREAM = re.compile(rb'"stream"\s*:\s*(true|false)')
_MAX_TOKENS = re.compile(rb'"max_tokens"\s*:\s*(\d{1,9})(?!\d)')
_FAST = re.compile(rb'"speed"\s*:\s*("fast")')
_US = re.compile(rb'"inference_geo"\s*:\s*("us")')
_MODEL_FIRST = re.compile(rb'\s*\{\s*"model"\s*:')
_decode_text = msgspec.json.Decoder(str).decode
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[{}\[\]]', re.DOTALL)
# Bodies beyond these bounds get a guess: a body made to be slow must not stall the loop.
_MOST_CANDIDATES = 64
_LONGEST_SCAN = 256 * 1024


def model_of(body: bytes) -> str:
    """The model that a request body names, "" where none is found."""
    found = _MODEL.match(body, body.find(b'"')) if _MODEL_FIRST.match(body) else None
    quoted = found[1] if found else _value(_MODEL, b'"model"', body)
    try:
        return _decode_text(quoted).replace("\x00", "")
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def user_id_of(body: bytes) -> str:
    """The `metadata.user_id` of a request body, "" where none is found; the last of several, as clients send it late."""
    found = next(iter(_candidates(_USER_ID, b'"user_id"', body)), b'""')
    try:
        return _decode_text(found)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


def wants_stream(body: bytes) -> bool:
    """Whether a request body asks for a stream."""
    return _value(_STREAM, b'"stream"', body) == b"true"


def max_tokens_of(body: bytes) -> int:
    """How many tokens a request body lets the answer have, 0 where it does not say."""
    return int(_value(_MAX_TOKENS, b'"max_tokens"', body) or 0)


def asks_for_fast(body: bytes) -> bool:
    """Whether a request body asks for fast mode."""
    return bool(_value(_FAST, b'"speed"', body))


def asks_for_us(body: bytes) -> bool:
    """Whether a request body asks for inference in the US alone."""
    return bool(_value(_US, b'"inference_geo"', body))


def _value(pattern: re.Pattern[bytes], key: bytes, body: bytes) -> bytes:
    values = _candidates(pattern, key, body)
    if len(values) < 2 or len(body) > _LONGEST_SCAN:
        # The SDKs send both keys after `messages`, so the last one is the best guess.
        return next(iter(values), b"")
    return _top_level(pattern, key, body) or b""


def _candidates(pattern: re.Pattern[bytes], key: bytes, body: bytes) -> dict[bytes, None]:
    """The distinct values of `key` at any depth, the last one first."""
    values: dict[bytes, None] = {}
    end = len(body)
    for _ in range(_MOST_CANDIDATES):
        end = body.rfind(key, 0, end)
        if end < 0:
            break
        if found := pattern.match(body, end):
            values[found[1]] = None
    return values


def _top_level(pattern: re.Pattern[bytes], key: bytes, body: bytes) -> bytes | None:
    depth = 0
    for token in _TOKEN.finditer(body):
        text = token[0]
        if text in b"{[":
            depth += 1
        elif text in b"}]":
            depth -= 1
        elif depth == 1 and text == key and (found := pattern.match(body, token.start())):
            return found[1]
    return None
