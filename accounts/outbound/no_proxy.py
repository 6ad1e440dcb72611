"""Whether a destination is reached without the proxy (`NO_PROXY`). Pure: no name is looked up."""

import ipaddress
import re
import socket


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its name or address, in any notation that a resolver takes (127.1, 0x7f000001)."""
    host = host.rstrip(".").lower()
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    if address is None:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    return address.is_loopback or address.is_unspecified


def matching_entry(host: str, port: int, no_proxy: str) -> str:
    """The first entry of `no_proxy` that covers host and port, "" where none does.

    Entries are separated by commas or spaces: `*` is everything; a name is that host and all below it, with or without a dot or
    `*.` before it; an address is itself in any notation; `10.0.0.0/8` a network. `:port` behind an entry limits it to that port.
    """
    host = host.rstrip(".").lower()
    return next((entry for entry in re.split(r"[,\s]+", no_proxy) if _covers(entry, host, port)), "")


def _covers(entry: str, host: str, port: int) -> bool:
    pattern, wanted_port = _parts(entry.lower())
    if not pattern or (wanted_port and int(wanted_port) != port):
        return False
    if pattern == "*":
        return True
    address = _address(host)
    if address:
        return _holds(pattern, address)
    name = pattern.removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _parts(entry: str) -> tuple[str, str]:
    """What is named, and the port or "". An IPv6 address has its port behind brackets only."""
    if entry.count(":") > 1 and not entry.startswith("["):
        return entry, ""
    name, separator, port = entry.rpartition(":")
    if separator and port.isdecimal() and not name.endswith(":"):
        return name.strip("[]"), port
    return entry.strip("[]"), ""


def _holds(pattern: str, address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    try:
        return address in ipaddress.ip_network(pattern, strict=False)
    except ValueError:
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        pass
    try:
        return ipaddress.IPv4Address(socket.inet_aton(host)) if host[-1:].isalnum() else None
    except (OSError, UnicodeError):
        return None
