"""Wildcards: `*.example.com` stands for every host below example.com, never beyond one registrable domain.

The registrable domain is what one owner can register (example.com, example.co.uk, team.github.io), by the Public Suffix List that
`publicsuffixlist` carries; nothing is downloaded. A suffix that the list does not know (`corp`, `internal`) counts as public.
"""

from functools import lru_cache

from publicsuffixlist import PublicSuffixList

from accounts.access.hosts import BadHost, Host, parse_host

PREFIX = "*."
# In the name of a credential file, which not every file system lets hold a `*`.
FILE_PREFIX = "_wildcard."


def is_wildcard(name: str) -> bool:
    return name.startswith(PREFIX)


def parse_domain(value: str) -> str:
    """The one spelling of a domain's name: a host's, or a wildcard's. Raises BadHost."""
    text = value.strip()
    if not is_wildcard(text):
        return parse_host(text).full
    parent = parse_host(text.removeprefix(PREFIX))
    if parent.port:
        raise BadHost("a wildcard stands for every port")
    if not _registrable(parent.name):
        raise BadHost("a wildcard needs a domain that somebody can own, such as *.example.com")
    return PREFIX + parent.name


def names_for(host: Host) -> tuple[str, ...]:
    """All names that may stand for a host, most specific first: its own, then the wildcards."""
    return (*host.candidates, *covering(host.name))


def covering(name: str) -> tuple[str, ...]:
    """The wildcards that may stand for a host's name, most specific first."""
    highest = _registrable(name)
    found, parent = [], name
    while highest and parent != highest:
        _, _, parent = parent.partition(".")
        found.append(PREFIX + parent)
    return tuple(found)


@lru_cache(maxsize=4096)
def _registrable(name: str) -> str:
    """The registrable domain of a name, "" where it is a public suffix or an address."""
    is_address = not name.rpartition(".")[2].strip("0123456789]")
    return "" if is_address else suffixes().privatesuffix(name) or ""


@lru_cache(maxsize=1)
def suffixes() -> PublicSuffixList:
    """The list; the first call reads it, which takes a twentieth of a second."""
    return PublicSuffixList()
