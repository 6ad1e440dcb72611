"""Whom nobody knows yet holds neither time nor memory: attacks on the proxy's port, and what must not be taken for one."""

import json
import select
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from threading import Barrier

import pytest

from nexus_project.demo.script import Script
from tests.bench.machine import descriptors, rss
from tests.flow import wire
from tests.flow.bare import Bare, Starter
from tests.flow.services import wait_for

MIB = 1024**2
HURRY = {"CLIENT_SILENT_SECONDS": "1", "CLIENT_HEAD_SECONDS": "1", "CLIENT_BODY_SECONDS": "1"}
OWN_KEY = ("x-api-key", b"sk-ant-api03-of-a-stranger")
WRONG_KEY = ("x-api-key", b"cnp_live_wrong")


@pytest.fixture(scope="module")
def hurried(start_bare: Starter) -> Bare:
    """One second for everything; everybody may pass."""
    return start_bare(CLAUDE_API_KEY="sk-ant-api03-x", **HURRY)


@pytest.fixture(scope="module")
def guarded(start_bare: Starter) -> Bare:
    """Nobody passes without a key."""
    return start_bare(CLAUDE_API_KEY="sk-ant-api03-x", ENABLE_CLIENT_AUTH="true")


@pytest.fixture
def clients() -> Iterator[ExitStack]:
    """What a test connects, closed at its end."""
    with ExitStack() as stack:
        yield stack


def head(*headers: tuple[str, bytes], length: int = 31 * MIB, target: str = "/v1/messages") -> bytes:
    """A request up to its body."""
    whole = wire.request_bytes("POST", target, list(headers))
    return whole.replace(b"content-length: 0", b"content-length: %d" % length)


def response_of(connection: socket.socket) -> wire.WireResponse:
    return wire.read_response(connection.makefile("rb"))


def drip(connection: socket.socket, data: bytes, seconds: float) -> None:
    """Send a byte now and then, until the other side has enough."""
    end = time.monotonic() + seconds
    with suppress(ConnectionError):
        for byte in data:
            connection.sendall(bytes([byte]))
            time.sleep(0.1)
            if time.monotonic() > end:
                break


def send_until_responded(connection: socket.socket, data: bytes) -> None:
    """Send all of it, or as much as is taken before the other side answers."""
    rest = memoryview(data)
    with suppress(ConnectionError):
        while rest and not select.select([connection], [], [], 0)[0]:
            rest = rest[connection.send(rest[:MIB]) :]


def test_silent_connections_are_closed(hurried: Bare, clients: ExitStack) -> None:
    before = descriptors([hurried.process.popen.pid])
    silent = [clients.enter_context(wire.connect(hurried.url)) for _ in range(300)]
    wait_for(lambda: descriptors([hurried.process.popen.pid]) >= before + 290)

    wait_for(lambda: descriptors([hurried.process.popen.pid]) <= before + 5, 5)

    with suppress(ConnectionResetError):
        assert silent[0].recv(100) == b""


def test_blank_lines_are_no_request(hurried: Bare, clients: ExitStack) -> None:
    fresh, used = (clients.enter_context(wire.connect(hurried.url)) for _ in range(2))
    used.sendall(wire.request_bytes("GET", "/health", []))
    assert response_of(used).status == 200

    for connection in (fresh, used):
        began = time.monotonic()
        drip(connection, b"\r\n" * 50, 5)
        assert time.monotonic() - began < 4


@pytest.mark.parametrize("slow", [b"GET /" + b"a" * 99, b"GET / HTTP/1.1\r\nhost: a\r\nx: " + b"y" * 99])
def test_a_head_that_does_not_come_to_its_end_is_refused(
    hurried: Bare, clients: ExitStack, slow: bytes
) -> None:
    connection = clients.enter_context(wire.connect(hurried.url))
    began = time.monotonic()

    drip(connection, slow, 2.5)

    response = response_of(connection)
    assert (response.status, json.loads(response.body)["error"]["type"]) == (408, "timeout_error")
    assert time.monotonic() - began < 4


def test_a_body_that_stalls_or_drips_is_refused(hurried: Bare, clients: ExitStack) -> None:
    stalled, dripping = (clients.enter_context(wire.connect(hurried.url)) for _ in range(2))
    stalled.sendall(head() + b"x" * 100_000)
    dripping.sendall(head())
    drip(dripping, b"x" * 50, 2.5)

    assert [response_of(connection).status for connection in (stalled, dripping)] == [408, 408]


def test_a_slow_body_is_none_that_stalls(hurried: Bare, clients: ExitStack) -> None:
    hurried.emulator.app.script("slow", Script(chunks=(b"ok",)))
    connection = clients.enter_context(wire.connect(hurried.url))
    connection.sendall(head(("x-emulate", b"script=slow"), length=200_000))

    for _ in range(10):
        time.sleep(0.25)
        connection.sendall(b"x" * 20_000)

    assert response_of(connection).status == 200


def test_an_idle_connection_and_a_silent_stream_are_left_alone(hurried: Bare, clients: ExitStack) -> None:
    hurried.emulator.app.script("silent", Script(chunks=(b"one", b"two"), pauses=(0, 2.5)))
    connection = clients.enter_context(wire.connect(hurried.url))

    connection.sendall(wire.request_bytes("POST", "/v1/messages", [("x-emulate", b"script=silent")]))
    assert response_of(connection).body == b"onetwo"
    time.sleep(2.5)
    connection.sendall(wire.request_bytes("GET", "/health", []))
    assert response_of(connection).status == 200


def test_a_pipelined_body_that_nobody_reads_does_not_stall(hurried: Bare, clients: ExitStack) -> None:
    hurried.emulator.app.script("silent", Script(chunks=(b"one", b"two"), pauses=(0, 2.5)))
    headers = [("x-emulate", b"script=silent")]
    connection = clients.enter_context(wire.connect(hurried.url))
    first, second = (
        wire.request_bytes("POST", "/v1/messages", headers, b"x" * size) for size in (1, 9_000_000)
    )
    file = connection.makefile("rb")

    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(connection.sendall, first + second)
        statuses = [wire.read_response(file).status for _ in range(2)]
        sending.result()

    assert statuses == [200, 200]


def test_who_may_not_pass_reads_so_while_still_sending_and_grows_nothing(guarded: Bare) -> None:
    before = rss([guarded.process.popen.pid])

    def attack(_: int) -> int:
        with wire.connect(guarded.url) as connection:
            wire.send_what_is_taken(connection, head() + b"x" * (31 * MIB - 1))  # all but the end
            return response_of(connection).status

    with ThreadPoolExecutor(20) as pool:
        statuses = list(pool.map(attack, range(20)))

    assert statuses == [401] * 20
    assert rss([guarded.process.popen.pid]) < before + 64


def test_sixty_bodies_with_a_wrong_key_are_refused_and_grow_nothing(guarded: Bare) -> None:
    before = rss([guarded.process.popen.pid])
    request = head(WRONG_KEY) + b"x" * (31 * MIB - 1)
    together = Barrier(60)

    def attack(_: int) -> int:
        with wire.connect(guarded.url) as connection:
            together.wait(20)
            send_until_responded(connection, request)
            return response_of(connection).status

    with ThreadPoolExecutor(60) as pool:
        statuses = list(pool.map(attack, range(60)))

    assert statuses == [401] * 60
    assert rss([guarded.process.popen.pid]) < before + 64


def test_who_may_not_pass_is_told_before_the_body_and_cut_off_behind_it(
    guarded: Bare, clients: ExitStack
) -> None:
    connection = clients.enter_context(wire.connect(guarded.url))
    connection.sendall(head(length=200 * MIB))
    file = connection.makefile("rb")
    response = wire.read_response(file)
    error = json.loads(response.body)["error"]

    assert (response.status, error["type"]) == (401, "authentication_error")
    assert (response.value("connection"), file.read()) == ("close", b"")
    with pytest.raises(ConnectionError):
        connection.sendall(b"x" * 200 * MIB)


@pytest.mark.parametrize(
    ("target", "status"), [("/v1/messages", 401), ("/nothing", 404), ("/token-stats", 503), ("/health", 200)]
)
@pytest.mark.parametrize("key", [(), (WRONG_KEY,)], ids=["without a key", "with a wrong key"])
def test_a_client_that_expects_a_100_has_its_answer_instead(
    guarded: Bare, clients: ExitStack, key: tuple[tuple[str, bytes], ...], target: str, status: int
) -> None:
    connection = clients.enter_context(wire.connect(guarded.url))

    connection.sendall(head(("expect", b"100-continue"), *key, target=target))

    assert connection.makefile("rb").readline().split()[1] == str(status).encode()


def test_who_may_pass_has_the_100(hurried: Bare, clients: ExitStack) -> None:
    hurried.emulator.app.script("ok", Script(chunks=(b"ok",)))
    connection = clients.enter_context(wire.connect(hurried.url))
    connection.sendall(head(("expect", b"100-continue"), ("x-emulate", b"script=ok"), length=3))

    assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    connection.sendall(b"abc")
    assert response_of(connection).status == 200


def test_claude_codes_telemetry_keeps_its_connection(guarded: Bare, clients: ExitStack) -> None:
    connection = clients.enter_context(wire.connect(guarded.url))
    for _ in range(2):
        connection.sendall(head(length=300_000, target="/api/event_logging/batch"))
        time.sleep(0.05)
        connection.sendall(b"x" * 300_000)
        assert response_of(connection).value("connection") == ""


def test_strangers_hold_no_more_than_their_share(start_bare: Starter, clients: ExitStack) -> None:
    bare = start_bare(CLAUDE_API_KEY="", UNKNOWN_BODIES_MAX_BYTES=str(8 * MIB))
    bare.emulator.app.script("ok", Script(chunks=(b"ok",)))
    script = ("x-emulate", b"script=ok")
    holding = [clients.enter_context(wire.connect(bare.url)) for _ in range(2)]
    for connection in holding:
        connection.sendall(head(OWN_KEY) + b"x" * 3 * MIB)
    time.sleep(0.5)

    refused = clients.enter_context(wire.connect(bare.url))
    wire.send_what_is_taken(refused, head(OWN_KEY) + b"x" * 4 * MIB)
    small = wire.send(bare.url, wire.request_bytes("POST", "/v1/messages", [OWN_KEY, script], b"x" * 100_000))
    assert (response_of(refused).status, small.status) == (503, 200)

    for connection in holding:
        connection.close()
    body = b"x" * 7 * MIB
    wait_for(
        lambda: (
            wire.send(bare.url, wire.request_bytes("POST", "/v1/messages", [OWN_KEY, script], body)).status
            == 200
        )
    )
    bare.process.stop()
    assert "clients.refused" in bare.process.words()
    assert "too_many_bytes=" in bare.process.words()
    assert "Traceback" not in bare.process.words()


@pytest.mark.parametrize(
    ("name", "status"), [("CLIENT_MAX_CONNECTIONS", 503), ("CLIENT_MAX_CONNECTIONS_PER_ADDRESS", 429)]
)
def test_connections_have_a_bound(start_bare: Starter, clients: ExitStack, name: str, status: int) -> None:
    bare = start_bare(CLAUDE_API_KEY="", **{name: "20"})
    within = [clients.enter_context(wire.connect(bare.url)) for _ in range(20)]
    for connection in within:
        connection.sendall(wire.request_bytes("GET", "/health", []))
        assert response_of(connection).status == 200

    beyond = clients.enter_context(wire.connect(bare.url))
    assert response_of(beyond).status == status

    within[0].close()
    wait_for(lambda: wire.send(bare.url, wire.request_bytes("GET", "/health", [])).status == 200)


def test_beyond_all_bounds_a_connection_is_cut_off(start_bare: Starter, clients: ExitStack) -> None:
    bare = start_bare(CLAUDE_API_KEY="", CLIENT_MAX_CONNECTIONS="5")
    before = descriptors([bare.process.popen.pid])
    for _ in range(600):
        clients.enter_context(wire.connect(bare.url))

    # Those that read why, and as many as come in one or two turns of the loop.
    assert descriptors([bare.process.popen.pid]) < before + 5 + 256 + 70


def test_a_trusted_proxy_is_no_address_and_those_that_it_names_are(
    start_bare: Starter, clients: ExitStack
) -> None:
    bare = start_bare(
        CLAUDE_API_KEY="k", TRUSTED_PROXIES="127.0.0.0/8", CLIENT_MAX_CONNECTIONS_PER_ADDRESS="3"
    )
    bare.emulator.app.script("long", Script(chunks=(b"one", b"two"), pauses=(0, 30)))

    def ask(address: bytes, script: bytes = b"status=200") -> socket.socket:
        connection = clients.enter_context(wire.connect(bare.url))
        headers = [("x-forwarded-for", address), ("x-emulate", script)]
        connection.sendall(wire.request_bytes("GET", "/v1/models", headers))
        return connection

    running = [ask(b"192.0.2.1", b"script=long") for _ in range(3)]
    assert all(connection.recv(8) == b"HTTP/1.1" for connection in running)

    assert response_of(ask(b"192.0.2.1")).status == 429
    others = [ask(b"192.0.2.2"), ask(b"127.0.0.9"), *(ask(b"2001:db8::%d" % number) for number in range(2))]
    assert [response_of(connection).status for connection in others] == [200] * 4
    running[0].close()
    wait_for(lambda: response_of(ask(b"192.0.2.1")).status == 200)
