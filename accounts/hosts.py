"""Names of domains: what a Host header means, without a way to trick a path or another tenant."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*\.?")
_IPV6 = re.compile(r"\[[0-9a-f:.]+\]")
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


def parse_host(value: str) -> Host:
    """Read a Host header (RFC 9110 §7.2): lower-cased, checked, IPv6 literals in brackets. Raises BadHost."""
    text = value.strip().lower()
    if not text.isascii():
        try:
            text = text.encode("idna").decode()
        except UnicodeError as error:
            raise BadHost("the host is not a valid international name") from error
    name, port = _split(text)
    good = _IPV6.fullmatch(name) or (len(name) <= MAX_LENGTH and _NAME.fullmatch(name))
    if not good or (port and not (port.isascii() and port.isdigit() and 0 < int(port) < 65536)):
        raise BadHost("the host is not a name, an address, or one of them with a port")
    return Host(name.rstrip("."), port)


def _split(text: str) -> tuple[str, str]:
    if text.startswith("["):
        name, _, rest = text.partition("]")
        if rest and not rest.startswith(":"):
            raise BadHost("after an IPv6 address only a port may follow")
        return f"{name}]", rest[1:]
    name, _, port = text.partition(":")
    return name, port


def is_personal(domain: str) -> bool:
    """Whether a domain is private, so that nothing of it is ever posted (predecessor §2.2)."""
    return "personal" in domain.lower()
