"""Whatever upstream sends, each client has an answer, each exchange one record, and the log no traceback."""

import json
from collections.abc import Callable, Iterator
from uuid import uuid4

import pytest

from tests.flow import raw_upstream, wire
from tests.flow.conftest import Nexus
from tests.flow.raw_upstream import KEEP, RawUpstream

OK = b"HTTP/1.1 200 OK\r\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    with raw_upstream.serve() as running:
        yield running


@pytest.fixture(scope="module")
def odd(make_nexus: Callable[..., Nexus], upstream: RawUpstream) -> Nexus:
    return make_nexus(CLAUDE_API_BASE_URL=upstream.url)


@pytest.fixture(autouse=True)
def _no_traceback(odd: Nexus) -> Iterator[None]:
    before = len(odd.proxy.words())
    yield
    assert "Traceback" not in odd.proxy.words()[before:]
    assert "Exception in ASGI" not in odd.proxy.words()[before:]


def ask(
    odd: Nexus, upstream: RawUpstream, *response: bytes, method: str = "POST", target: str = "/v1/x"
) -> tuple[wire.WireResponse, str]:
    """Send one request that upstream answers with these writes; the answer and the request's key."""
    key = uuid4().hex
    upstream.responses[key] = response
    # The client pays, as nobody else does for an address like this.
    headers = [("x-play", key.encode()), ("x-api-key", b"sk-ant-api03-own")]
    data = wire.request_bytes(method, target, headers, b"{}")
    return wire.send(odd.url, data, head_only=method == "HEAD"), key


@pytest.mark.parametrize(
    ("writes", "status", "body"),
    [
        ((b"HTTP/1.1 204 No Content\r\n\r\n", KEEP), 204, b""),
        ((b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\n\r\n", KEEP), 204, b""),
        ((b"HTTP/1.1 304 Not Modified\r\netag: x\r\n\r\n", KEEP), 304, b""),
        ((b"HTTP/1.1 304 Not Modified\r\ncontent-length: 1234\r\n\r\n", KEEP), 304, b""),
        ((OK + b"content-length: 0\r\n\r\n", KEEP), 200, b""),
        ((b"HTTP/1.1 100 Continue\r\n\r\n", OK + b"content-length: 2\r\n\r\nok", KEEP), 200, b"ok"),
        ((b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n" + OK + b"content-length: 2\r\n\r\nok", KEEP), 200, b"ok"),
        ((OK + b"transfer-encoding: chunked\r\ntrailer: x-t\r\n\r\n2\r\nok\r\n0\r\nx-t: 1\r\n\r\n", KEEP), 200, b"ok"),
        ((OK + b"transfer-encoding: chunked\r\n\r\n2;ext=1\r\nok\r\n0\r\n\r\n", KEEP), 200, b"ok"),
        ((OK + b"\r\nuntil the end",), 200, b"until the end"),
        ((b"HTTP/1.0 200 OK\r\n\r\nuntil", b" the end"), 200, b"until the end"),
        ((b"HTTP/1.1 200\r\ncontent-length: 2\r\n\r\nok", KEEP), 200, b"ok"),
        ((b"HTTP/1.1 599 Odd\r\ncontent-length: 2\r\n\r\nok", KEEP), 599, b"ok"),
        ((OK + b"".join(b"x-%d: y\r\n" % n for n in range(600)) + b"content-length: 2\r\n\r\nok", KEEP), 200, b"ok"),
        ((OK + b"x-empty:\r\nx-odd: \xff\xfe\r\ncontent-length: 2\r\n\r\nok", KEEP), 200, b"ok"),
    ],
    ids=[
        "204", "204-length", "304", "304-length", "empty", "100-continue", "103", "trailers", "chunk-extension", "no-length",
        "http-1.0", "no-reason", "599", "600-headers", "latin-1",
    ],
)  # fmt: skip
def test_a_legal_or_nearly_legal_answer_passes(
    odd: Nexus, upstream: RawUpstream, writes: tuple[bytes, ...], status: int, body: bytes
) -> None:
    response, key = ask(odd, upstream, *writes)

    row = odd.stored(response.value("x-nexus-id"))
    assert (response.status, response.body, response.whole) == (status, body, True)
    assert (row["status"], row["outcome"]) == (status, "upstream_error" if status >= 400 else "complete")
    assert upstream.count(key) == 1


@pytest.mark.parametrize(
    "writes",
    [
        (b"NOT HTTP\r\n\r\n",),
        (b"HTTP/1.1 999 Odd\r\ncontent-length: 2\r\n\r\nok", KEEP),
        (b"HTTP/1.1 600 Odd\r\ncontent-length: 2\r\n\r\nok", KEEP),
        (b"HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\nxx",),
        (OK + b"x-endless: " + b"y" * 200_000,),
        (OK + b"x: y\r\n" * 100_000,),
        (OK + b"content-length: 5\r\ncontent-length: 6\r\n\r\nhello!",),
        (OK + b"content-length: nine\r\n\r\nhello",),
        (OK + b"content-length: -1\r\n\r\nhello",),
        (OK + b"x-nul: a\x00b\r\ncontent-length: 2\r\n\r\nok",),
        (OK + b"x-bell: a\x07b\r\ncontent-length: 2\r\n\r\nok",),
        (OK + b"bad name: a\r\ncontent-length: 2\r\n\r\nok",),
        (OK + b"content-length: 2\r\n\r\nok and more",),
        (OK,),
        (),
    ],
    ids=[
        "no-http", "999", "600", "101", "endless-header", "endless-headers", "two-lengths", "worded-length", "negative-length",
        "nul", "bell", "space-in-name", "too-long", "half-head", "nothing",
    ],
)  # fmt: skip
def test_an_illegal_answer_gives_502_in_the_apis_shape(
    odd: Nexus, upstream: RawUpstream, writes: tuple[bytes, ...]
) -> None:
    response, key = ask(odd, upstream, *writes)

    row = odd.stored(response.value("x-nexus-id"))
    assert response.status == 502, response
    assert json.loads(response.body)["error"]["type"] == "api_error"
    assert (row["status"], row["outcome"]) == (502, "upstream_error")
    assert upstream.count(key) == 1


@pytest.mark.parametrize(
    ("head", "body", "error_type"),
    [
        (b"content-type: text/event-stream\r\n", b"", "empty"),
        (b"content-type: text/event-stream\r\n", b"event: ping\ndata: {}\n\n", "no_end"),
        (b"content-type: text/event-stream\r\n", b'data: {"error":{"message":"x"}}\n\n', "no_end"),
        (b"content-type: application/json\r\n", b'{"type":"message","content":[', "no_end"),
        (b"content-type: text/html\r\n", b"<html>Please sign in</html>", "not_json"),
    ],
    ids=["empty", "pings", "untyped-error", "cut-json", "page"],
)
@pytest.mark.parametrize("chunked", [True, False], ids=["chunked", "length"])
def test_an_answer_in_good_form_without_an_end_passes_and_counts_as_failed(
    odd: Nexus, upstream: RawUpstream, head: bytes, body: bytes, error_type: str, chunked: bool
) -> None:
    framed = (
        b"transfer-encoding: chunked\r\n\r\n"
        + (b"%x\r\n%b\r\n" % (len(body), body) if body else b"")
        + b"0\r\n\r\n"
        if chunked
        else b"content-length: %d\r\n\r\n" % len(body) + body
    )

    response, _ = ask(odd, upstream, OK + head + framed, KEEP, target="/v1/messages")

    row = odd.stored(response.value("x-nexus-id"))
    assert (response.status, response.body, response.whole) == (200, body, True)
    assert (row["status"], row["outcome"], row["error_type"]) == (200, "upstream_cut", error_type)
    assert row["error_message"]
    assert row["cost_state"] == "partial"


@pytest.mark.parametrize(
    "writes",
    [
        (OK + b"content-length: 10\r\n\r\nshort",),
        (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n",),
        (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n", b"zz\r\n"),
        (OK + b"transfer-encoding: chunked\r\n\r\n5\r\nshort\r\n", b"\xff\xff"),
    ],
    ids=["length", "no-last-chunk", "bad-chunk", "garbage"],
)
def test_an_answer_that_breaks_off_breaks_off_for_the_client(
    odd: Nexus, upstream: RawUpstream, writes: tuple[bytes, ...]
) -> None:
    response, _ = ask(odd, upstream, *writes)

    row = odd.stored(response.value("x-nexus-id"))
    assert (response.status, response.body, response.whole) == (200, b"short", False)
    assert (row["status"], row["outcome"], row["response_bytes"]) == (200, "upstream_cut", 5)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "POST"])
def test_a_request_on_a_connection_that_upstream_drops_is_not_sent_twice(
    odd: Nexus, upstream: RawUpstream, method: str
) -> None:
    warm, _ = ask(odd, upstream, OK + b"content-length: 2\r\n\r\nok", KEEP)

    response, key = ask(odd, upstream, method=method)

    assert (warm.status, response.status) == (200, 502)
    assert upstream.count(key) == 1


def test_a_head_answer_keeps_its_length(odd: Nexus, upstream: RawUpstream) -> None:
    response, _ = ask(odd, upstream, OK + b"content-length: 77\r\n\r\n", KEEP, method="HEAD")

    assert (response.status, response.value("content-length")) == (200, "77")
    assert odd.stored(response.value("x-nexus-id"))["outcome"] == "complete"


def test_with_nobody_at_upstreams_address_the_answer_is_502(make_proxy: Callable[..., Nexus]) -> None:
    nexus = make_proxy(CLAUDE_API_BASE_URL="http://127.0.0.1:9")

    response = wire.send(nexus.url, wire.request_bytes("POST", "/v1/messages", [], b"{}"))

    assert response.status == 502
    assert nexus.stored(response.value("x-nexus-id"))["outcome"] == "upstream_error"
    assert "Traceback" not in nexus.proxy.words()
