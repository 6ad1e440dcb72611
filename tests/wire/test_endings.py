"""Which answers did not come to their end, although HTTP says that all of them is there."""

import json

import pytest

from proxy.wire.endings import EMPTY, NO_END, NOT_JSON, missing_end
from proxy.wire.messages import read_response

SSE = "text/event-stream; charset=utf-8"
JSON = "application/json"
START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m"}}\n\n'
PING = b'event: ping\ndata: {"type":"ping"}\n\n'
STOP = b'event: message_stop\ndata: {"type":"message_stop"}\n\n'
MESSAGE = b'{"type":"message","content":[]}'


def found(
    content_type: str, body: bytes, *, method: str = "POST", path: str = "/v1/messages"
) -> tuple[str, str] | None:
    return missing_end(method, path, read_response(200, content_type, body), content_type, body)


@pytest.mark.parametrize(
    ("content_type", "body", "error_type", "words"),
    [
        (SSE, b"", EMPTY, "has no body"),
        (JSON, b" \r\n", EMPTY, "has no body"),
        ("", b"", EMPTY, "has no body"),
        (SSE, START, NO_END, "message_stop"),
        (SSE, PING * 3, NO_END, "message_stop"),
        (SSE, b": keep-alive\n\n", NO_END, "message_stop"),
        (SSE, START + b'data: {"error":{"message":"gone"}}\n\n', NO_END, "message_stop"),
        (SSE, START + STOP[:30], NO_END, "message_stop"),
        (SSE, b"<html>Bad Gateway</html>", NO_END, "message_stop"),
        (JSON, MESSAGE[:-1], NO_END, "breaks off"),
        (JSON, b'{"error":{"message":"try later"}}', NO_END, "without a type: try later"),
        (JSON, b'{"error":"try later"}', NO_END, "without a type: try later"),
        ("text/html; charset=utf-8", b"<!DOCTYPE html>", NOT_JSON, "(text/html)"),
        (JSON, b"[]", NOT_JSON, "(application/json)"),
        ("", b"ok", NOT_JSON, "without a content type"),
    ],
)
def test_an_answer_without_an_end_is_told_by_kind_and_in_words(
    content_type: str, body: bytes, error_type: str, words: str
) -> None:
    missing = found(content_type, body)

    assert missing
    assert missing[0] == error_type
    assert words in missing[1]
    assert missing[1].startswith(("The ", "What "))


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        (SSE, START + PING + STOP),
        (SSE, START + STOP.rstrip()),
        (SSE, MESSAGE),
        (JSON, MESSAGE),
        (JSON, b'{"type":"message","content":[],"error":null}'),
        ("text/plain", MESSAGE),
        ("", MESSAGE),
        (JSON, b"[" + b"1," * 1_000_000 + b"1]"),  # nobody looks into it
    ],
)
def test_a_whole_answer_lacks_nothing(content_type: str, body: bytes) -> None:
    assert found(content_type, body) is None


@pytest.mark.parametrize(
    ("content_type", "body", "error_type"),
    [
        (SSE, b'event: completion\r\ndata: {"completion":"a","stop_reason":null}\r\n\r\n', NO_END),
        (SSE, b'event: completion\r\ndata: {"completion":"a","stop_reason":"stop_sequence"}\r\n\r\n', None),
        (JSON, b'{"completion":"a","stop_reason":"stop_sequence"}', None),
        (JSON, b'{"completion":"a', NO_END),
    ],
)
def test_a_completion_ends_by_its_stop_reason(content_type: str, body: bytes, error_type: str | None) -> None:
    missing = found(content_type, body, path="/v1/complete")

    assert (missing and missing[0]) == error_type


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/messages"),
        ("POST", "/v1/messages/count_tokens"),
        ("POST", "/v1/messages/batches"),
        ("GET", "/v1/models"),
        ("POST", "/v1/files"),
        ("POST", "/v1/something/new"),
    ],
)
@pytest.mark.parametrize("body", [b"", b"<html>", json.dumps({"error": "x"}).encode()])
def test_on_other_paths_http_decides(method: str, path: str, body: bytes) -> None:
    assert found(JSON, body, method=method, path=path) is None
