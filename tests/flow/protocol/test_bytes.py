"""Bytes: what the client sent is what upstream got, what upstream sent is what the client got."""

import gzip
from random import Random
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nexus_project.demo.script import Script
from tests.flow import wire
from tests.flow.conftest import OPERATOR_KEY, Nexus

# What docs/wire-protocol.md#headers-of-a-request names as not forwarded or set by Nexus, what frames a request, and what
# tells of a web page.
NAMED = {
    "host", "content-length", "transfer-encoding", "connection", "keep-alive", "proxy-authenticate", "proxy-authorization",
    "proxy-connection", "te", "trailer", "upgrade", "expect", "cookie", "authorization", "x-api-key", "accept-encoding",
    "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-forwarded-port", "x-emulate",
    "origin",
}  # fmt: skip
ADDED = {b"host", b"content-length", b"accept-encoding", b"x-api-key"}

header_names = st.text("abcdefghijklmnopqrstuvwxyz-0123456789", min_size=1, max_size=20).filter(
    lambda name: name not in NAMED and not name.startswith("-")
)
# Field values as RFC 9110 §5.5 has them, obs-text included: UTF-8 or not.
header_values = st.lists(
    st.sampled_from([byte for byte in range(0x21, 0x100) if byte != 0x7F]), min_size=1, max_size=40
).map(bytes)


def play(nexus: Nexus, script: Script) -> str:
    key = uuid4().hex
    nexus.emulator.app.script(key, script)
    return key


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(headers=st.lists(st.tuples(header_names, header_values), max_size=12), body=st.binary(max_size=2000))
def test_headers_with_their_repeats_and_any_body_arrive_unchanged(
    nexus: Nexus, headers: list[tuple[str, bytes]], body: bytes
) -> None:
    mark = uuid4().hex
    key = play(nexus, Script(chunks=(b"ok",)))
    sent = [*headers, ("x-test-id", mark.encode()), ("x-emulate", f"script={key}".encode())]

    response = wire.send(nexus.url, wire.request_bytes("POST", "/v1/messages", sent, body))

    got = nexus.received(mark)
    assert response.body == b"ok"
    assert got.body == body
    assert [pair for pair in got.headers if pair[0].lower() not in ADDED] == [
        (name.encode(), value) for name, value in sent
    ]


def test_a_header_that_is_no_utf8_arrives_as_sent_and_is_recorded_as_latin_1(nexus: Nexus) -> None:
    mark = uuid4().hex
    key = play(nexus, Script(headers=(("x-back", "d\u00e9j\u00e0"),), chunks=(b"ok",)))
    sent = [("x-name", b"caf\xe9"), ("x-test-id", mark.encode()), ("x-emulate", f"script={key}".encode())]

    response = wire.send(nexus.url, wire.request_bytes("GET", "/v1/models", sent))

    stored = nexus.stored(response.value("x-nexus-id"))
    asked, answered = nexus.headers(stored["id"])
    assert (b"x-name", b"caf\xe9") in nexus.received(mark).headers
    assert response.values("x-back") == [b"d\xe9j\xe0"]
    assert ("x-name", "caf\u00e9") in asked
    assert ("x-back", "d\u00e9j\u00e0") in answered


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
@pytest.mark.parametrize(
    "target",
    [
        "/v1/messages?beta=true",
        "/v1/a%2Fb/../c",
        "/v1/x?q=%22a%22&empty=&&=",
        '/v1/x?quote="',
        "/v1/%e2%82%ac//double",
        "/v1/x?",
        "/v1/x?a=b%23c",
        "/v1/x?a?",
        "/v1/%0A%00",
    ],
)
def test_any_method_and_the_raw_target_arrive_unchanged(nexus: Nexus, method: str, target: str) -> None:
    mark = uuid4().hex
    key = play(nexus, Script(status=207, chunks=(b"x",)))
    # A client that pays for itself may ask for any path.
    own = ("x-api-key", b"sk-ant-api03-mine")
    headers = [own, ("x-test-id", mark.encode()), ("x-emulate", f"script={key}".encode())]

    response = wire.send(nexus.url, wire.request_bytes(method, target, headers, b"body"))

    assert response.status == 207, response
    got = nexus.received(mark)
    assert (got.method, got.target, got.body) == (method, target.encode(), b"body")


def test_a_head_request_brings_upstreams_length_and_no_body(nexus: Nexus) -> None:
    key = play(nexus, Script(headers=(("content-length", "5"),), chunks=(b"",)))

    response = nexus.client(**{"x-emulate": f"script={key}"}).head("/v1/models")

    assert (response.status_code, response.headers["content-length"], response.content) == (200, "5", b"")


def test_answer_headers_come_back_with_repeats_and_without_hop_by_hop_ones(nexus: Nexus) -> None:
    headers = (
        ("request-id", "req_1"), ("set-cookie", "a=1"), ("set-cookie", "b=2"), ("x-odd", "caf\u00e9"), ("retry-after", "3"),
        ("anthropic-ratelimit-unified-5h-status", "allowed"), ("connection", "x-hop"), ("x-hop", "1"), ("keep-alive", "timeout=5"),
    )  # fmt: skip
    key = play(nexus, Script(headers=headers, chunks=(b"{}",)))

    response = wire.send(
        nexus.url, wire.request_bytes("GET", "/v1/models", [("x-emulate", f"script={key}".encode())])
    )

    names = [name for name, _ in response.headers]
    assert response.values("set-cookie") == [b"a=1", b"b=2"]
    assert response.values("x-odd") == ["caf\u00e9".encode("latin-1")]
    assert response.value("anthropic-ratelimit-unified-5h-status") == "allowed"
    assert response.value("retry-after") == "3"
    assert not {b"x-hop", b"keep-alive"} & set(names)
    assert len(response.values("x-nexus-id")) == 1


@pytest.mark.parametrize("status", [200, 400, 429, 500, 529])
@pytest.mark.parametrize("encoded", [False, True], ids=["identity", "gzip"])
def test_bodies_and_errors_of_upstream_pass_unmodified(nexus: Nexus, status: int, encoded: bool) -> None:
    body = b'{"type":"error",  "error":{"type":"overloaded_error","message":"x"}}\n'
    sent = gzip.compress(body) if encoded else body
    headers = (("content-type", "application/json"), *((("content-encoding", "gzip"),) if encoded else ()))
    key = play(nexus, Script(status=status, headers=headers, chunks=(sent[:7], sent[7:])))

    response = wire.send(
        nexus.url, wire.request_bytes("POST", "/v1/messages", [("x-emulate", f"script={key}".encode())])
    )

    assert (response.status, response.body, response.whole) == (status, sent, True)
    assert response.value("content-encoding") == ("gzip" if encoded else "")


def test_nexus_asks_upstream_for_identity_and_shows_its_own_credential(nexus: Nexus) -> None:
    mark = uuid4().hex
    headers = [
        ("x-test-id", mark.encode()),
        ("accept-encoding", b"gzip, br"),
        ("cookie", b"a=b"),
        ("expect", b"100-continue"),
    ]

    wire.send(
        nexus.url, wire.request_bytes("GET", "/v1/models", [*headers, ("anthropic-version", b"2023-06-01")])
    )

    got = nexus.received(mark)
    assert got.values("accept-encoding") == ["identity"]
    assert got.values("x-api-key") == [OPERATOR_KEY]
    assert got.values("cookie") + got.values("expect") == []


def test_a_redirect_of_upstream_is_passed_on_and_not_followed(nexus: Nexus) -> None:
    key = play(nexus, Script(status=307, headers=(("location", "https://elsewhere.test/"),)))

    response = nexus.client(**{"x-emulate": f"script={key}"}).post("/v1/messages", content=b"{}")

    assert (response.status_code, response.headers["location"]) == (307, "https://elsewhere.test/")


def test_answer_headers_of_sixty_kilobytes_pass(nexus: Nexus) -> None:
    key = play(nexus, Script(headers=tuple((f"x-{n}", "y" * 9000) for n in range(6)), chunks=(b"ok",)))

    response = wire.send(
        nexus.url, wire.request_bytes("GET", "/v1/models", [("x-emulate", f"script={key}".encode())])
    )

    assert response.body == b"ok"
    assert len(response.values("x-5")[0]) == 9000


@pytest.mark.parametrize("size", [0, 1, 65_536, 262_145, 400_000, 1_100_000, 32 * 1024**2])
def test_bodies_of_every_size_pass_and_are_kept(nexus: Nexus, size: int) -> None:
    mark = uuid4().hex
    body = Random(size).randbytes(size)  # no two pieces of it are alike
    key = play(nexus, Script(chunks=(b"ok",)))
    headers = [("x-test-id", mark.encode()), ("x-emulate", f"script={key}".encode())]

    response = wire.send(nexus.url, wire.request_bytes("POST", "/v1/complete", headers, body))

    row = nexus.stored(response.value("x-nexus-id"))
    assert nexus.received(mark).body == body
    assert row["request_bytes"] == size
