"""A request that breaks the protocol is answered 400 and its connection closed at once, wherever in it that happens."""

import json
import socket
import time
from contextlib import ExitStack

import psutil
import pytest

from nexus_project.demo.script import Script
from tests.bench.machine import descriptors
from tests.flow import wire
from tests.flow.bare import Bare, Starter
from tests.flow.services import wait_for

HEAD = b"POST /v1/messages HTTP/1.1\r\nhost: a.example\r\ntransfer-encoding: chunked\r\n\r\n"
BROKEN = {
    "size": b"zz\r\nabc\r\n",
    "negative size": b"-1\r\nabc\r\n",
    "size over 64 bits": b"1ffffffffffffffff\r\nabc",
    "no CR": b"3\nabc\n0\n\n",
    "longer than its size": b"3\r\nabcd\r\n0\r\n\r\n",
    "no CRLF behind it": b"3\r\nabc0\r\n\r\n",
    "trailer": b"3\r\nabc\r\n0\r\nno trailer\r\n\r\n",
    "length as a trailer": b"3\r\nabc\r\n0\r\ncontent-length: 3\r\n\r\n",
    "coding as a trailer": b"3\r\nabc\r\n0\r\ntransfer-encoding: chunked\r\n\r\n",
    "folded trailer": b"3\r\nabc\r\n0\r\nx: 1\r\n 2\r\n\r\n",
    "NUL in a trailer": b"3\r\nabc\r\n0\r\nx: \0\r\n\r\n",
    "behind much": b"10000\r\n" + b"x" * 0x10000 + b"\r\nzz\r\n",
}
HEADS = {
    "negative length": b"content-length: -1",
    "two lengths": b"content-length: 1\r\ncontent-length: 1",
    "length over 64 bits": b"content-length: 99999999999999999999",
    "unknown coding": b"transfer-encoding: gzip",
    "chunked not last": b"transfer-encoding: chunked, gzip",
    "folded header": b"x: 1\r\n 2",
    "space before the colon": b"x : 1",
}


@pytest.fixture(scope="module")
def bare(start_bare: Starter) -> Bare:
    return start_bare(CLAUDE_API_KEY="sk-ant-api03-x")


def assert_refused(connection: socket.socket, within: float = 1.0) -> None:
    """The API's 400, and the end of the connection right behind it."""
    began = time.monotonic()
    file = connection.makefile("rb")
    response = wire.read_response(file)
    rest = file.read()
    assert (response.status, response.value("connection"), rest) == (400, "close", b"")
    assert json.loads(response.body)["error"]["type"] == "invalid_request_error"
    assert time.monotonic() - began < within


@pytest.mark.parametrize("body", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("pause", [True, False], ids=["in its middle", "at once"])
def test_a_broken_body_is_refused_at_once(bare: Bare, body: bytes, pause: bool) -> None:
    with wire.connect(bare.url) as connection:
        if pause:
            connection.sendall(HEAD + b"5\r\nfirst\r\n")
            time.sleep(0.05)  # the handler waits for the rest
            connection.sendall(body)
        else:
            connection.sendall(HEAD + body)
        assert_refused(connection)


@pytest.mark.parametrize("lines", HEADS.values(), ids=HEADS)
def test_a_broken_head_is_refused_at_once(bare: Bare, lines: bytes) -> None:
    with wire.connect(bare.url) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a.example\r\n" + lines + b"\r\n\r\n")
        assert_refused(connection)


def test_a_broken_request_behind_a_whole_one_is_refused_too(bare: Bare) -> None:
    with wire.connect(bare.url) as connection:
        file = connection.makefile("rb")
        connection.sendall(wire.request_bytes("GET", "/health", []))
        assert wire.read_response(file).status == 200
        connection.sendall(HEAD + b"zz\r\n")
        assert_refused(connection)


def test_a_client_that_sends_on_behind_its_broken_request_reads_the_400(bare: Bare) -> None:
    with wire.connect(bare.url) as connection:
        connection.sendall(HEAD + b"zz\r\n")
        wire.send_what_is_taken(connection, b"x" * 5_000_000)
        assert_refused(connection)


def test_one_that_sends_for_ever_is_cut_off(bare: Bare) -> None:
    with wire.connect(bare.url) as connection:
        connection.sendall(HEAD + b"zz\r\n")
        with pytest.raises(ConnectionError):
            connection.sendall(b"x" * 200_000_000)


def test_a_client_that_leaves_an_answer_behind_which_it_sent_garbage_is_noticed(bare: Bare) -> None:
    silent = Script(chunks=(b"one", b"two"), pauses=(0, 60))
    bare.emulator.app.script("silent", silent)
    with wire.connect(bare.url) as connection:
        headers = [("x-emulate", b"script=silent"), ("x-test-id", b"left behind garbage")]
        request = wire.request_bytes("POST", "/v1/complete", headers)
        connection.sendall(request + wire.request_bytes("GET", "/health", []) + b"GARBAGE\r\n\r\n")
        connection.recv(1000)

    [seen] = [entry for entry in bare.emulator.app.log if entry.value("x-test-id") == "left behind garbage"]
    wait_for(lambda: bare.emulator.app.log[seen.number - 1].outcome == "client_left", 3)


def test_three_hundred_broken_requests_leave_no_descriptor(bare: Bare) -> None:
    before = descriptors([bare.process.popen.pid])
    with ExitStack() as clients:
        for number in range(300):
            connection = clients.enter_context(wire.connect(bare.url))
            connection.sendall(HEAD + [*BROKEN.values()][number % len(BROKEN)])
        # Also of those that do not close on their side.
        wait_for(lambda: descriptors([bare.process.popen.pid]) <= before + 5, 10)


def test_clients_that_close_behind_their_broken_request_leave_nothing_half_closed(bare: Bare) -> None:
    process = psutil.Process(bare.process.popen.pid)

    def half_closed() -> int:
        return sum(
            connection.status == psutil.CONN_CLOSE_WAIT for connection in process.net_connections("tcp")
        )

    for body in [*BROKEN.values()] * 5:
        with wire.connect(bare.url) as connection:
            connection.sendall(HEAD + body)
        with wire.connect(bare.url) as connection:  # this one reads its answer before
            connection.sendall(HEAD + body)
            connection.recv(1000)

    wait_for(lambda: half_closed() == 0, 2)


def test_a_stop_does_not_wait_for_broken_requests(start_bare: Starter) -> None:
    bare = start_bare(CLAUDE_API_KEY="sk-ant-api03-x")
    with ExitStack() as clients:
        for body in BROKEN.values():
            connection = clients.enter_context(wire.connect(bare.url))
            connection.sendall(HEAD + b"5\r\nfirst\r\n" + body)
            connection.recv(1000)
        began = time.monotonic()
        bare.process.stop()

    assert time.monotonic() - began < 8
    assert "Traceback" not in bare.process.words()
    assert "Cancel" not in bare.process.words()
