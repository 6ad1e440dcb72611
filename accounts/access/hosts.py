"""Names of domains: what a Host header means, without a way to trick a path or another tenant."""

import ipaddress
import re
from dataclasses import dataclass
from functools import lru_cache

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
# Without a zone (`%eth0`): Python takes any text for one, slashes too, and it means nothing on another machine.
_IPV6 = re.compile(r"\[([0-9a-f:.]+)\]")
_PORT = re.compile(r"[0-9]{1,5}")
MAX_LENGTH = 253


class BadHost(ValueError):
    """The value names no host."""


@dataclass(frozen=True, slots=True)
class Host:
    """`name` is lower-case, without a port or a final dot (IPv6 in brackets); `port` is "" where none was given."""

    name: str
    port: str

    @property
    def full(self) -> str:
        return f"{self.name}:{self.port}" if self.port else self.name

    @property
    def candidates(self) -> tuple[str, ...]:
        """The keys to look up, most specific first: with the port, then without."""
        return (self.full, self.name) if self.port else (self.name,)


@lru_cache(maxsize=1024)  # each request names one, mostly the same few
def parse_host(value: str) -> Host:
    """Read a Host header (RFC 9110 §7.2); one host has one spelling, whatever the header's. Raises BadHost.

    Names are lower-cased, international ones become punycode; IPv6 literals keep their brackets and are shortened.
    """
    name, port = _split(_ascii(value.strip().lower()))
    return Host(_address(name) if name.startswith("[") else _name(name), _port(port))


def _ascii(text: str) -> str:
    if text.isascii():
        return text
    try:
        return text.encode("idna").decode()
    except UnicodeError as error:
        raise BadHost("the host is not a valid international name") from error


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        name, bracket, rest = text.partition("]")
        if rest and not rest.startswith(":"):
            raise BadHost("after an IPv6 address only a port may follow")
        return name + bracket, rest[1:]
    name, _, port = text.partition(":")
    return name, port


def _name(text: str) -> str:
    if len(text) > MAX_LENGTH or not _NAME.fullmatch(text):
        raise BadHost("the host is not a name, an address, or one of them with a port")
    return text.rstrip(".")


def _address(text: str) -> str:
    literal = _IPV6.fullmatch(text)
    try:
        address = ipaddress.IPv6Address(literal[1] if literal else text)
    except ValueError as error:
        raise BadHost("between the brackets stands no IPv6 address") from error
    return f"[{address.compressed}]"


def _port(text: str) -> str:
    if not text:
        return ""
    number = int(text) if _PORT.fullmatch(text) else 0
    if not 0 < number < 65536:
        raise BadHost("the port is not a number from 1 to 65535")
    return str(number)


def is_personal(domain: str) -> bool:
    """Whether a domain is private, so that nothing of it is ever posted (docs/predecessor.md#hosts-and-personal-domains)."""
    return "personal" in domain.lower()
