import ipaddress
from typing import Any

import pytest
from pytest_django import Settings

from accounts.access.hosts import BadHost
from proxy.relay.http.tenant import client_address, host_of, is_local

PROXY = "10.0.0.1"


@pytest.fixture(autouse=True)
def trusted(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")]


def scope(peer: str | None = PROXY, **headers: str) -> dict[str, Any]:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return {"client": (peer, 5) if peer else None, "headers": [(b"host", b"own.example:3000"), *pairs]}


def test_the_host_header_names_the_domain() -> None:
    assert host_of(scope("192.0.2.1")).full == "own.example:3000"


@pytest.mark.parametrize("peer", [PROXY, "::ffff:10.9.9.9", "fd00::1"])
@pytest.mark.parametrize(
    "forwarded", ["a.example", "spoofed.example, A.example", "spoofed.example,a.example"]
)
def test_a_trusted_proxy_may_name_another_host_and_its_own_entry_is_the_last(
    peer: str, forwarded: str
) -> None:
    assert host_of(scope(peer, x_forwarded_host=forwarded)).full == "a.example"


@pytest.mark.parametrize("peer", ["192.0.2.1", "11.0.0.1", "::ffff:11.0.0.1", "::1", "not an address", None])
def test_nobody_else_may(peer: str | None) -> None:
    assert host_of(scope(peer, x_forwarded_host="a.example")).name == "own.example"


def test_without_trusted_proxies_nobody_may(settings: Settings) -> None:
    settings.TRUSTED_PROXIES = []

    assert host_of(scope(x_forwarded_host="a.example")).name == "own.example"
    assert client_address(scope(x_forwarded_for="192.0.2.7")) == PROXY


def test_a_host_that_is_no_utf8_names_no_domain() -> None:
    with pytest.raises(BadHost, match="punycode"):
        host_of({"client": None, "headers": [(b"host", b"caf\xe9.example")]})


def test_an_empty_entry_does_not_count_and_a_bad_one_is_refused() -> None:
    assert host_of(scope(x_forwarded_host=" ")).name == "own.example"
    with pytest.raises(BadHost):
        host_of(scope(x_forwarded_host="../etc"))


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        (PROXY, "192.0.2.7", "192.0.2.7"),
        (PROXY, "203.0.113.9, 192.0.2.7, 10.1.1.1", "192.0.2.7"),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, "10.2.2.2, 10.1.1.1", "10.2.2.2"),
        (PROXY, "sk-ant-api03-secret", PROXY),
        (PROXY, "192.0.2.7, unknown", PROXY),
        (PROXY, "", PROXY),
        ("192.0.2.1", "203.0.113.9", "192.0.2.1"),
        (None, "203.0.113.9", ""),
    ],
)
def test_the_clients_address_is_the_nearest_that_is_no_trusted_proxy(
    peer: str | None, forwarded: str, address: str
) -> None:
    assert client_address(scope(peer, x_forwarded_for=forwarded)) == address


def test_forwarded_addresses_may_come_in_several_headers() -> None:
    several = scope(x_forwarded_for="203.0.113.9")
    several["headers"].append((b"x-forwarded-for", b"192.0.2.7"))

    assert client_address(several) == "192.0.2.7"


@pytest.mark.parametrize(
    ("peer", "local"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        (PROXY, False),
        ("", False),
        (None, False),
    ],
)
def test_a_loopback_peer_is_local(peer: str | None, local: bool) -> None:
    assert is_local(scope(peer)) is local


@pytest.mark.parametrize("name", ["forwarded", "x_forwarded_for", "x_forwarded_proto", "x_real_ip", "via"])
def test_a_peer_that_speaks_for_somebody_else_is_not_local(name: str) -> None:
    assert not is_local(scope("127.0.0.1", **{name: "x"}))
