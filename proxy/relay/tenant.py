"""What a request says of itself: the host it means and the address it comes from, through trusted proxies only."""

import ipaddress
from typing import Any

from django.conf import settings

from accounts.hosts import Host, parse_host
from proxy.relay.headers import Headers

FORWARDING = frozenset({b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip"})


def host_of(scope: dict[str, Any]) -> Host:
    """The Host header, or X-Forwarded-Host where a trusted proxy sent it. Raises accounts.hosts.BadHost."""
    headers: Headers = scope["headers"]
    value = next(value for name, value in headers if name == b"host")
    if settings.TRUSTED_PROXIES and _is_trusted(_peer(scope)):
        forwarded = [item for name, item in headers if name == b"x-forwarded-host"]
        value = forwarded[-1].split(b",")[-1] if forwarded else value
    return parse_host(value.decode())


def client_address(scope: dict[str, Any]) -> str:
    """The nearest address that is no trusted proxy: X-Forwarded-For is read from its end, where our own proxies wrote."""
    peer = _peer(scope)
    if not settings.TRUSTED_PROXIES or not _is_trusted(peer):
        return peer
    headers: Headers = scope["headers"]
    forwarded = b",".join(value for name, value in headers if name == b"x-forwarded-for")
    for hop in reversed(forwarded.decode("utf-8", "replace").split(",")):
        if hop.strip() and not _is_trusted(hop.strip()):
            return hop.strip()[:64]
    return peer


def is_local(scope: dict[str, Any]) -> bool:
    """Whether the peer is on this very machine and speaks for itself."""
    try:
        loopback = ipaddress.ip_address(_peer(scope)).is_loopback
    except ValueError:
        return False
    return loopback and not any(name in FORWARDING for name, _ in scope["headers"])


def _peer(scope: dict[str, Any]) -> str:
    client: tuple[str, int] | None = scope.get("client")
    return client[0] if client else ""


def _is_trusted(address: str) -> bool:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(parsed in network for network in settings.TRUSTED_PROXIES)
