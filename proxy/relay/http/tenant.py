"""What a request says of itself: the host it means and the address it comes from, through trusted proxies only."""

import ipaddress
from typing import Any

from django.conf import settings

from accounts.access.hosts import BadHost, Host, parse_host
from proxy.relay.http.headers import Headers

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

FORWARDING = (b"forwarded", b"x-forwarded-", b"x-real-ip", b"via")


def host_of(scope: dict[str, Any]) -> Host:
    """The Host header, or X-Forwarded-Host where a trusted proxy sent it. Raises accounts.access.hosts.BadHost."""
    headers: Headers = scope["headers"]
    value = next(value for name, value in headers if name == b"host")
    if settings.TRUSTED_PROXIES and _is_trusted(_peer(scope)):
        forwarded = b",".join(item for name, item in headers if name == b"x-forwarded-host")
        value = forwarded.rpartition(b",")[2].strip() or value  # the last one is our own proxy's
    try:
        return parse_host(value.decode())
    except UnicodeDecodeError as error:
        raise BadHost("it is not UTF-8; write an international name in punycode") from error


def client_address(scope: dict[str, Any]) -> str:
    """The nearest address that is no trusted proxy: X-Forwarded-For is read from its end, where our own proxies wrote.

    What is no address ends the search, so that nothing that a client made up is taken for one.
    """
    address = _peer(scope)
    if not settings.TRUSTED_PROXIES:
        return address
    headers: Headers = scope["headers"]
    forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    for hop in reversed(forwarded.decode("utf-8", "replace").split(",")):
        if not _is_trusted(address) or _parsed(hop.strip()) is None:
            break
        address = hop.strip()
    return address


def counted_address(client: tuple[str, int] | None, headers: Headers) -> str:
    """By what a client's connections are counted, "" where they are not: a trusted proxy speaks for many.

    An IPv6 client has a network of 64 bits to itself, and counts as that.
    """
    address = client_address({"client": client, "headers": headers})
    if not settings.TRUSTED_PROXIES and ":" not in address:
        return address
    parsed = _parsed(address)
    if parsed is None or _is_trusted(address):
        return ""
    return address if parsed.version == 4 else str(ipaddress.ip_network((parsed, 64), strict=False))


def is_local(scope: dict[str, Any]) -> bool:
    """Whether the peer is on this very machine and speaks for itself."""
    address = _parsed(_peer(scope))
    speaks_for_others = any(name.startswith(FORWARDING) for name, _ in scope["headers"])
    return address is not None and address.is_loopback and not speaks_for_others


def _peer(scope: dict[str, Any]) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""


def _is_trusted(text: str) -> bool:
    address = _parsed(text)
    return address is not None and any(address in network for network in settings.TRUSTED_PROXIES)


def _parsed(text: str) -> Address | None:
    """The address; an IPv4 one that a dual-stack socket shows as `::ffff:10.0.0.1` is an IPv4 one. None for other text."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
