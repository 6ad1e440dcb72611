"""Look a host up once and refuse addresses that are not plainly of the public internet, which a webhook must not reach.

Ranges: https://www.iana.org/assignments/iana-ipv4-special-registry and its IPv6 sibling, beside what `ipaddress` knows of them.
"""

import ipaddress
import socket

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# All that IANA has given out for global unicast (RFC 4291 §2.4). Whatever stands for an IPv4 address lies outside, such as NAT64
# and the mapped and compatible forms, or is named below: which network it reaches is only known to who translates it.
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = tuple(
    ipaddress.ip_network(network)
    for network in (
        "192.0.0.0/24",  # protocols of the IETF, which `ipaddress` knows in part
        "192.88.99.0/24",  # relays of 6to4, RFC 7526
        "2001::/23",  # protocols of the IETF: Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "3fff::/20",  # documentation, RFC 9637
        "2002::/16",  # 6to4
    )
)


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
    """Whether an address is a global unicast one, as it stands: none of a special range and none that stands for another."""
    if isinstance(address, ipaddress.IPv6Address) and address not in _GLOBAL_UNICAST:
        return False
    special = any(address.version == network.version and address in network for network in _SPECIAL)
    return address.is_global and not address.is_multicast and not address.is_reserved and not special
