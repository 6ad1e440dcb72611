"""Whatever clients do, each has an answer, each request goes upstream once, and the log holds no traceback."""

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from uuid import uuid4

import httpx
import pytest

from nexus_project.demo.script import Script
from tests.flow import wire
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for


@pytest.fixture(autouse=True)
def _no_traceback(nexus: Nexus) -> Iterator[None]:
    before = len(nexus.proxy.words())
    yield
    assert "Traceback" not in nexus.proxy.words()[before:]
    assert "Exception in ASGI" not in nexus.proxy.words()[before:]


@pytest.fixture
def mark() -> str:
    return uuid4().hex


def script(nexus: Nexus, response: Script) -> list[tuple[str, bytes]]:
    """Headers that make upstream play this answer."""
    key = uuid4().hex
    nexus.emulator.app.script(key, response)
    return [("x-emulate", f"script={key}".encode())]


def times_received(nexus: Nexus, mark: str) -> int:
    return len([entry for entry in nexus.emulator.app.log if entry.value("x-test-id") == mark])


def test_pipelined_requests_are_answered_in_their_order(nexus: Nexus, mark: str) -> None:
    requests = [
        wire.request_bytes(
            "GET",
            "/v1/models",
            [*script(nexus, Script(chunks=(str(n).encode(), b"!"))), ("x-test-id", mark.encode())],
        )
        for n in range(10)
    ]

    with wire.connect(nexus.url) as connection:
        connection.sendall(b"".join(requests))
        file = connection.makefile("rb")
        responses = [wire.read_response(file) for _ in requests]

    assert [response.body for response in responses] == [f"{n}!".encode() for n in range(10)]
    assert times_received(nexus, mark) == 10
    wait_for(lambda: nexus.outcomes(mark) == ["complete"] * 10)


def test_a_large_body_before_a_pipelined_head_is_not_taken_for_the_head(nexus: Nexus) -> None:
    large = wire.request_bytes("POST", "/v1/messages", script(nexus, Script(chunks=(b"1",))), b"x" * 150_000)
    second = wire.request_bytes("POST", "/v1/messages", script(nexus, Script(chunks=(b"2",))), b"")

    with wire.connect(nexus.url) as connection:
        connection.sendall(large + second[:20])
        time.sleep(0.05)
        connection.sendall(second[20:])
        file = connection.makefile("rb")
        bodies = [wire.read_response(file).body for _ in range(2)]

    assert bodies == [b"1", b"2"]


def test_a_pipelining_client_that_leaves_ends_its_running_request(nexus: Nexus, mark: str) -> None:
    endless = Script(chunks=(b"x" * 20_000,) * 400, pauses=(0.02,) * 400)
    first = wire.request_bytes(
        "POST", "/v1/messages", [*script(nexus, endless), ("x-test-id", mark.encode())]
    )
    second = wire.request_bytes("GET", "/v1/models", [])

    with wire.connect(nexus.url) as connection:
        connection.sendall(first + second)
        connection.recv(1000)

    wait_for(lambda: nexus.outcomes(mark) == ["client_left"], 5)
    wait_for(lambda: nexus.received(mark).outcome == "client_left")


def test_upstreams_break_reaches_a_client_that_pipelined(nexus: Nexus, mark: str) -> None:
    cut = Script(chunks=(b"part", b"part"), pauses=(0, 0.2), end="cut")
    first = wire.request_bytes("POST", "/v1/messages", [*script(nexus, cut), ("x-test-id", mark.encode())])

    with wire.connect(nexus.url) as connection:
        connection.sendall(first + wire.request_bytes("GET", "/v1/models", []))
        response = wire.read_response(connection.makefile("rb"))

    assert (response.body, response.whole) == (b"partpart", False)
    wait_for(lambda: nexus.outcomes(mark) == ["upstream_cut"])
    assert "ASGI callable returned" not in nexus.proxy.words()


def test_garbage_behind_a_request_does_not_get_into_its_answer(nexus: Nexus) -> None:
    slow = script(nexus, Script(chunks=(b"one", b"two"), pauses=(0, 0.3)))

    with wire.connect(nexus.url) as connection:
        connection.sendall(wire.request_bytes("POST", "/v1/messages", slow) + b"GARBAGE\r\n\r\n")
        received = b"".join(iter(lambda: connection.recv(10_000), b""))

    assert received.count(b"HTTP/1.1 ") == 1


@pytest.mark.parametrize("headers", [(), (("content-length", "6"),)], ids=["stream", "length"])
def test_an_http_1_0_client_has_an_answer_that_ends_with_the_connection(
    nexus: Nexus, headers: tuple[tuple[str, str], ...]
) -> None:
    ((name, value),) = script(nexus, Script(chunks=(b"one", b"two"), pauses=(0, 0.05), headers=headers))
    request = b"GET /v1/models HTTP/1.0\r\nhost: a.example\r\n" + name.encode() + b": " + value + b"\r\n\r\n"

    with wire.connect(nexus.url) as connection:
        connection.sendall(request)
        received = b"".join(iter(lambda: connection.recv(10_000), b""))

    head, _, body = received.partition(b"\r\n\r\n")
    assert (body, b"transfer-encoding" in head) == (b"onetwo", False)


def test_a_connection_serves_on_after_errors(nexus: Nexus) -> None:
    kinds = [
        wire.request_bytes("GET", "/nothing", []),
        wire.request_bytes("GET", "/v1/models", [], host="no/domain"),
        wire.request_bytes("GET", "/v1/models", [("x-api-key", b"cnp_live_wrong")]),
        wire.request_bytes("GET", "/v1/models", [("x-emulate", b"status=529")]),
        wire.request_bytes("GET", "/v1/models", [("x-emulate", b"head-cut")]),
        wire.request_bytes("GET", "/health", []),
    ]

    with wire.connect(nexus.url) as connection:
        file = connection.makefile("rb")
        statuses = []
        for request in kinds:
            connection.sendall(request)
            statuses.append(wire.read_response(file).status)

    assert statuses == [404, 400, 401, 529, 502, 200]


def test_a_connection_that_rested_is_still_served(nexus: Nexus) -> None:
    with wire.connect(nexus.url) as connection:
        file = connection.makefile("rb")
        connection.sendall(wire.request_bytes("GET", "/health", []))
        first = wire.read_response(file)
        time.sleep(6)  # uvicorn's own limit is 5 seconds, as long as many clients keep theirs
        connection.sendall(wire.request_bytes("GET", "/health", []))
        second = wire.read_response(file)

    assert (first.status, second.status) == (200, 200)


def test_a_body_that_comes_byte_by_byte_arrives_whole(nexus: Nexus, mark: str) -> None:
    headers = [*script(nexus, Script(chunks=(b"ok",))), ("x-test-id", mark.encode())]
    request = wire.request_bytes("POST", "/v1/messages", headers, b"0123456789" * 5)

    with wire.connect(nexus.url) as connection:
        for start in range(0, len(request), 3):
            connection.sendall(request[start : start + 3])
            time.sleep(0.002)
        response = wire.read_response(connection.makefile("rb"))

    assert response.body == b"ok"
    assert nexus.received(mark).body == b"0123456789" * 5


def test_a_chunked_body_with_extensions_and_trailers_arrives_as_one(nexus: Nexus, mark: str) -> None:
    ((name, value),) = script(nexus, Script(chunks=(b"ok",)))
    head = f"POST /v1/messages HTTP/1.1\r\nhost: a\r\nx-test-id: {mark}\r\n{name}: {value.decode()}\r\n"
    body = b"transfer-encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n2\r\nde\r\n0\r\nx-trailer: 1\r\n\r\n"

    response = wire.send(nexus.url, head.encode() + body)

    assert response.body == b"ok"
    assert nexus.received(mark).body == b"abcde"


def test_an_upgrade_that_a_client_offers_is_ignored(nexus: Nexus, mark: str) -> None:
    offers = [
        [("connection", b"Upgrade, HTTP2-Settings"), ("upgrade", b"h2c"), ("http2-settings", b"AAMAAABkAAQAAP__")],
        [("connection", b"Upgrade"), ("upgrade", b"websocket"), ("sec-websocket-key", b"x"), ("sec-websocket-version", b"13")],
    ]  # fmt: skip
    plain = script(nexus, Script(chunks=(b"ok",)))

    responses = [
        wire.send(
            nexus.url,
            wire.request_bytes("POST", "/v1/messages", [*plain, *offer, ("x-test-id", mark.encode())], b"{}"),
        )
        for offer in offers
    ]

    assert [(response.status, response.body) for response in responses] == [(200, b"ok")] * 2
    assert [entry.body for entry in nexus.emulator.app.log if entry.value("x-test-id") == mark] == [b"{}"] * 2


@pytest.mark.parametrize("size", [1, 1000], ids=["by-byte", "at-once"])
@pytest.mark.parametrize("before", ["", "answered", "running"])
def test_http_2_with_prior_knowledge_is_closed_with_one_line_in_the_log(
    nexus: Nexus, before: str, size: int
) -> None:
    slow = script(nexus, Script(chunks=(b"one", b"two"), pauses=(0, 0.3)))
    requests = {
        "answered": wire.request_bytes("GET", "/health", []),
        "running": wire.request_bytes("POST", "/v1/x", slow),
    }
    preface = (
        requests.get(before, b"")
        + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        + b"\0\0\6\4\0\0\0\0\0"
        + b"\0\3\0\0\0\x64"
    )
    logged = len(nexus.proxy.words())

    with wire.connect(nexus.url) as connection, suppress(BrokenPipeError, ConnectionResetError):
        for start in range(0, len(preface), size):
            connection.sendall(preface[start : start + size])
            time.sleep(0.002)
        while connection.recv(10_000):
            pass

    wait_for(lambda: "relay.wrong_protocol" in nexus.proxy.words()[logged:])
    assert nexus.proxy.words()[logged:].count("\n") == 1
    assert nexus.client().get("/health").status_code == 200


def test_http_2_with_prior_knowledge_is_told_what_to_do(nexus: Nexus) -> None:
    response = wire.send(nexus.url, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

    assert response.status == 400
    assert "Nexus speaks HTTP/1.1" in json.loads(response.body)["error"]["message"]


@pytest.mark.parametrize("byte", [*range(0x20), 0x7F])
def test_a_control_character_in_a_header_never_breaks_the_proxy(nexus: Nexus, byte: int) -> None:
    data = wire.request_bytes("GET", "/health", [("x-odd", b"a" + bytes([byte]) + b"b")])
    relayed = wire.request_bytes("GET", "/v1/models", [("x-odd", b"a" + bytes([byte]) + b"b")])

    assert wire.send(nexus.url, data).status in {200, 400}
    assert wire.send(nexus.url, relayed).status in {200, 400}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "TRACE", "PATCH", "PROPFIND", "SEARCH"])
@pytest.mark.parametrize("target", ["/", "/health", "/v1/models", "/token-stats", "/nothing", "*"])
def test_every_method_has_an_answer(nexus: Nexus, method: str, target: str) -> None:
    response = wire.send(nexus.url, wire.request_bytes(method, target, []), head_only=method == "HEAD")

    assert response.status < 500


def test_connect_is_refused(nexus: Nexus) -> None:
    response = wire.send(nexus.url, b"CONNECT a.example:443 HTTP/1.1\r\nhost: a.example:443\r\n\r\n")

    assert response.status == 400
    assert json.loads(response.body)["error"]["type"] == "invalid_request_error"


def test_a_flood_of_small_headers_is_refused(nexus: Nexus) -> None:
    flood = [(f"x-{n}", b"y") for n in range(10_000)]

    assert wire.send(nexus.url, wire.request_bytes("GET", "/v1/models", flood)).status == 431


def test_of_a_hundred_streams_of_which_half_leave_each_has_one_record(nexus: Nexus, mark: str) -> None:
    ask = {"model": "claude-sonnet-5", "max_tokens": 60, "stream": True}
    barrier = threading.Barrier(100)

    def stream(number: int) -> str:
        body = {**ask, "messages": [{"role": "user", "content": f"{mark} {number}"}]}
        headers = {
            "anthropic-version": "2023-06-01",
            "x-test-id": mark,
            "x-emulate": "events=30,event-delay-ms=20",
        }
        barrier.wait()
        with httpx.stream(
            "POST", f"{nexus.url}/v1/messages", json=body, headers=headers, timeout=30
        ) as response:
            fragments = response.iter_raw()
            next(fragments)
            if number % 2 and b"message_stop" not in b"".join(fragments):
                return "broken"
        return response.headers["x-nexus-id"]

    with ThreadPoolExecutor(100) as pool:
        ids = list(pool.map(stream, range(100)))

    found = {number: nexus.stored(ids[number])["outcome"] for number in range(100)}
    received = [entry.sha256 for entry in nexus.emulator.app.log if entry.value("x-test-id") == mark]
    assert {found[number] for number in range(1, 100, 2)} == {"complete"}
    assert {found[number] for number in range(0, 100, 2)} == {"client_left"}
    assert (len(received), len(set(received)), len(nexus.outcomes(mark))) == (100, 100, 100)
