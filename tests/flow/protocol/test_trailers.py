"""Trailers are dropped and counted: none becomes a header, whatever it is called, and none grows the proxy."""

import json
import time
from uuid import uuid4

import pytest

from nexus_project.demo.received import Received
from nexus_project.demo.script import Script
from tests.bench.machine import rss
from tests.flow import wire
from tests.flow.bare import Bare, Starter
from tests.flow.services import wait_for

OPERATOR_KEY = "sk-ant-api03-from-the-environment"


@pytest.fixture(scope="module")
def bare(start_bare: Starter) -> Bare:
    """Behind a trusted proxy, with a domain that has a credential and clients that need keys elsewhere."""
    made = start_bare(CLAUDE_API_KEY=OPERATOR_KEY, TRUSTED_PROXIES="127.0.0.0/8")
    file = {"type": "api_key", "api_key": "sk-ant-api03-inner"}
    (made.folder / "inner.example.credentials.json").write_text(json.dumps(file))
    wait_for(lambda: made.paid("inner.example")[1] == "sk-ant-api03-inner", 3)
    return made


def chunked(trailers: bytes, *headers: bytes, host: str = "outer.example", body: bytes = b"abc") -> bytes:
    """A request whose body is one chunk, with these trailers behind it."""
    head = [
        b"POST /v1/messages HTTP/1.1",
        b"host: " + host.encode(),
        b"transfer-encoding: chunked",
        b"x-emulate: script=trailers",
    ]
    return b"\r\n".join([*head, *headers, b"", b"%x" % len(body), body, b"0", trailers + b"\r\n"])


def ask(bare: Bare, trailers: bytes, pause_at: int) -> tuple[int, Received]:
    """Status, and what upstream got; sent in two parts, unless `pause_at` is negative."""
    mark = uuid4().hex
    bare.emulator.app.script("trailers", Script(chunks=(b"ok",)))
    data = chunked(trailers, b"x-test-id: " + mark.encode())
    with wire.connect(bare.url) as connection:
        if pause_at >= 0:
            cut = len(data) - len(trailers) + pause_at
            connection.sendall(data[:cut])
            time.sleep(0.03)
            data = data[cut:]
        connection.sendall(data)
        status = wire.read_response(connection.makefile("rb")).status
    return status, received(bare, mark)


def received(bare: Bare, mark: str) -> Received:
    [seen] = [entry for entry in bare.emulator.app.log if entry.value("x-test-id") == mark]
    return seen


@pytest.mark.parametrize("pause_at", [-1, 0, 5, 20])
@pytest.mark.parametrize(
    "trailer",
    [
        b"x-forwarded-host: inner.example",
        b"x-forwarded-for: 10.1.2.3",
        b"x-api-key: sk-ant-api03-of-the-trailer",
        b"authorization: Bearer sk-ant-oat01-of-the-trailer",
        b"host: inner.example",
        b"anthropic-beta: of-the-trailer",
        b"origin: https://page.example",
        b"expect: 100-continue",
        b"x-made-up: of-the-trailer",
    ],
)
def test_a_trailer_is_no_header(bare: Bare, trailer: bytes, pause_at: int) -> None:
    status, seen = ask(bare, trailer + b"\r\n", pause_at)

    assert (status, seen.credential) == (200, OPERATOR_KEY)
    assert trailer.partition(b": ")[2] not in [found for _, found in seen.headers]


def test_a_key_in_a_trailer_does_not_pay(start_bare: Starter) -> None:
    poor = start_bare(CLAUDE_API_KEY="")

    response = wire.send(poor.url, chunked(b"x-api-key: sk-ant-api03-mine\r\n"))

    assert response.status == 401


def test_a_client_key_in_a_trailer_opens_nothing(bare: Bare) -> None:
    bare.emulator.app.script("trailers", Script(chunks=(b"ok",)))
    file = {"type": "api_key", "api_key": "sk-ant-api03-g", "client_api_key": "cnp_live_good"}
    (bare.folder / "guarded.example.credentials.json").write_text(json.dumps(file))
    wait_for(lambda: bare.paid("guarded.example")[0] == 401, 3)
    key = b"x-api-key: cnp_live_good"

    def status(host: str, trailers: bytes, *headers: bytes) -> int:
        return wire.send(bare.url, chunked(trailers, *headers, host=host)).status

    assert status("guarded.example", b"", key) == 200
    assert status("guarded.example", key + b"\r\n") == 401
    assert status("guarded.example", b"authorization: Bearer cnp_live_good\r\n") == 401
    # Nor does it, beside the domain that it is for.
    assert status("outer.example", b"x-forwarded-host: guarded.example\r\n" + key + b"\r\n") == 200
    last = bare.emulator.app.log[-1]
    assert (last.path, last.credential) == ("/v1/messages", OPERATOR_KEY)


@pytest.mark.parametrize("trailer", [b"connection: close", b"connection: upgrade\r\nupgrade: websocket"])
def test_behind_a_trailer_about_the_connection_the_next_request_is_answered_or_refused(
    bare: Bare, trailer: bytes
) -> None:
    bare.emulator.app.script("trailers", Script(chunks=(b"ok",)))
    with wire.connect(bare.url) as connection:
        connection.sendall(chunked(trailer + b"\r\n") + wire.request_bytes("GET", "/health", []))
        file = connection.makefile("rb")
        first, rest = wire.read_response(file), b""
        if first.value("connection") == "close":
            rest = file.read()
        else:
            assert wire.read_response(file).status == 200

    assert (first.status, rest) == (200, b"")


@pytest.mark.parametrize(
    "trailers",
    [
        b"x-large: " + b"y" * 70_000 + b"\r\n",
        b"".join(b"x-%d: y\r\n" % number for number in range(10_000)),
        b"x-endless: " + b"y" * 600_000,
    ],
    ids=["one", "many", "endless"],
)
def test_trailers_count_as_the_head_does(bare: Bare, trailers: bytes) -> None:
    with wire.connect(bare.url) as connection:
        connection.sendall(chunked(b"")[:-2])
        wire.send_what_is_taken(connection, trailers + b"\r\n")
        response = wire.read_response(connection.makefile("rb"))

    assert response.status == 431
    assert json.loads(response.body)["error"]["type"] == "invalid_request_error"


def test_an_endless_line_of_a_chunk_counts_too(bare: Bare) -> None:
    head = chunked(b"")[: chunked(b"").index(b"\r\n3\r\n") + 2]
    for line in (b"3;" + b"x" * 600_000, b"0" * 600_000):
        with wire.connect(bare.url) as connection:
            wire.send_what_is_taken(connection, head + line)
            assert wire.read_response(connection.makefile("rb")).status == 431


def test_trailers_and_chunks_within_the_bound_pass(bare: Bare) -> None:
    mark = uuid4().hex
    bare.emulator.app.script("trailers", Script(chunks=(b"ok",)))
    data = chunked(b"x-large: " + b"y" * 60_000 + b"\r\n", b"x-test-id: " + mark.encode())
    many = b"1;name=value\r\nz\r\n" * 20_000
    start = data.index(b"3\r\nabc")

    response = wire.send(bare.url, data[:start] + many + data[start:])

    assert response.status == 200
    assert received(bare, mark).body == b"z" * 20_000 + b"abc"


def test_megabytes_of_trailers_do_not_grow_the_proxy(bare: Bare) -> None:
    before = rss([bare.process.popen.pid])
    with wire.connect(bare.url) as connection:
        connection.sendall(chunked(b"")[:-2])
        for _ in range(100):
            wire.send_what_is_taken(connection, b"x-trailer: y\r\n" * 75_000)

    assert rss([bare.process.popen.pid]) < before + 16
    assert "Traceback" not in bare.process.words()
