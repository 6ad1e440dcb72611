"""Look a host up once and refuse addresses inside our network, which a webhook must not reach.

Ranges: https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sibling, as `ipaddress` has them.
"""

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052 §2.1: the last 32 bits are an IPv4 address, which a NAT64 gateway reaches.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class PrivateAddress(Exception):
    """The host has an address that is not public."""


def resolve(host: str, port: int, *, allow_private: bool) -> list[Address]:
    """The host's addresses, best first, all checked; connect to these without a second look-up (DNS rebinding).

    Raises:
        PrivateAddress: one of them is not public.
        OSError: the name has no address now.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not allow_private and not all(is_public(address) for address in addresses):
        raise PrivateAddress(host)
    return addresses


def is_public(address: Address) -> bool:
    """Whether an address, or the IPv4 address that it stands for, belongs to the public internet."""
    inner = _inner(address)
    if inner is not None:
        return is_public(inner)
    return address.is_global and not address.is_multicast


def _inner(address: Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64:
        return ipaddress.IPv4Address(address.packed[-4:])
    teredo = address.teredo[1] if address.teredo else None
    return address.ipv4_mapped or address.sixtofour or teredo
