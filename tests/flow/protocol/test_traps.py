"""The four traps of a streaming Django view, and what httptools would let pass."""

import json
import time
from uuid import uuid4

import pytest

from nexus_project.demo.script import Script
from tests.flow import wire
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for


def test_trap_1_an_exchange_ends_even_if_its_stream_is_never_read(nexus: Nexus) -> None:
    mark = uuid4().hex
    key = uuid4().hex
    nexus.emulator.app.script(key, Script(chunks=(b"x",), head_pause=0.5))
    headers = [("x-test-id", mark.encode()), ("x-emulate", f"script={key}".encode())]
    with wire.connect(nexus.url) as connection:
        connection.sendall(wire.request_bytes("POST", "/v1/messages", headers, b"{}"))
        wait_for(lambda: any(entry.value("x-test-id") == mark for entry in nexus.emulator.app.log))

    wait_for(lambda: nexus.outcomes(mark))

    assert nexus.outcomes(mark) == ["client_left"]


def test_trap_2_repeated_and_underscored_headers_are_not_merged(nexus: Nexus) -> None:
    mark = uuid4().hex
    headers = [("x-test-id", mark.encode()), ("x_under", b"1"), ("x-under", b"2"), ("x-under", b"3")]

    wire.send(nexus.url, wire.request_bytes("GET", "/v1/models", headers))

    got = nexus.received(mark)
    assert (got.values("x_under"), got.values("x-under")) == (["1"], ["2", "3"])


def test_trap_3_a_body_over_djangos_limit_passes_and_one_over_the_apis_gets_its_413(nexus: Nexus) -> None:
    key = uuid4().hex
    nexus.emulator.app.script(key, Script(chunks=(b"ok",)))
    headers = [("x-emulate", f"script={key}".encode())]

    small = wire.send(nexus.url, wire.request_bytes("POST", "/v1/messages", headers, b"x" * 3_000_000))
    large = wire.send(
        nexus.url, wire.request_bytes("POST", "/v1/messages", headers, b"x" * (32 * 1024**2 + 1))
    )

    assert small.status == 200
    assert large.status == 413
    assert json.loads(large.body)["error"]["type"] == "request_too_large"
    assert large.values("x-should-retry") == [b"false"]


def test_trap_4_the_proxy_runs_without_middleware_and_without_database_signals(nexus: Nexus) -> None:
    from nexus_project.settings import proxy

    assert proxy.MIDDLEWARE == []
    assert proxy.INSTALLED_APPS == ["accounts", "proxy.relay"]


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v1/models HTTP/1.1\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nhost: a.example\r\nhost: b.example\r\n\r\n", 400),
        (b"GET http://a.example/v1/models HTTP/1.1\r\nhost: a.example\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nhost: a/../b\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nhost: caf\xe9.example\r\n\r\n", 400),
        (b"GET /v1/models HTTP/1.1\r\nhost: a.example\r\nx-big: " + b"y" * 70_000 + b"\r\n\r\n", 431),
        (b"GET /v1/models HTTP/1.1\r\nhost: a.example\r\nx-big: " + b"y" * 100_000, 431),
        (
            b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 4\r\ntransfer-encoding: chunked\r\n\r\n",
            400,
        ),
        (b"GET /v1/models#part HTTP/1.1\r\nhost: a.example\r\n\r\n", 400),
        (b"GET /v1/m\xc3\xa4 HTTP/1.1\r\nhost: a.example\r\n\r\n", 400),
        (b"NONSENSE\r\n\r\n", 400),
    ],
    ids=[
        "no-host",
        "two-hosts",
        "absolute",
        "host-path",
        "host-not-utf8",
        "header-70k",
        "header-endless",
        "smuggling",
        "fragment",
        "not-ascii",
        "no-http",
    ],
)
def test_malformed_requests_are_refused_in_the_apis_shape(nexus: Nexus, head: bytes, status: int) -> None:
    response = wire.send(nexus.url, head)

    error = json.loads(response.body)
    assert response.status == status
    assert error["type"] == "error"
    assert error["error"]["type"] == "invalid_request_error"
    assert response.values("x-should-retry") == [b"false"]
    assert len(error["error"]["message"]) > 20


def test_a_client_that_leaves_during_its_upload_disturbs_nobody(nexus: Nexus) -> None:
    with wire.connect(nexus.url) as connection:
        connection.sendall(b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\nhalf")
        time.sleep(0.1)

    assert nexus.client().get("/health").status_code == 200


def test_a_head_that_is_both_garbage_and_too_large_is_refused_once(nexus: Nexus) -> None:
    with wire.connect(nexus.url) as connection:
        connection.sendall(b"GET /v1/models HTTP/1.1\r\nhost: a.example\r\nx-big: " + b"y" * 60_000)
        time.sleep(0.2)
        connection.sendall(b"y" * 10_000 + b"\x00\r\n\r\n")
        response = connection.makefile("rb").read()

    assert response.count(b"HTTP/1.1 4") == 1
    assert response.startswith(b"HTTP/1.1 400 ")
