"""Who reads, and traffic of which domains: said at each door (`dashboard.access`), asked by every query (`queries.narrowed`).

It lies in a context variable, so that no query can be called without it and none has to pass it on. What is read later than its
view, such as a download, makes its querysets within the view.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeVar

from accounts.access.hosts import BadHost, parse_host
from accounts.access.wildcards import PREFIX, covering, is_wildcard, names_for

Made = TypeVar("Made")


class NobodyReads(LookupError):
    """A query came from outside of every door."""


@dataclass(frozen=True, slots=True)
class Reader:
    """`patterns` are names and wildcards of the domains that they may see, None for all; `name` and `token` are for the audit."""

    name: str
    patterns: frozenset[str] | None = None
    token: str = ""

    @property
    def is_bound(self) -> bool:
        """Whether there are domains that they must not see."""
        return self.patterns is not None

    def sees(self, domain: str) -> bool:
        """Whether a domain, or a wildcard, is among theirs."""
        return self.patterns is None or not self.patterns.isdisjoint(names_for_domain(domain))


EVERYTHING = Reader("everything")
_reader: ContextVar[Reader | None] = ContextVar("reader", default=None)


def reader() -> Reader:
    """Who reads now. Raises NobodyReads: nothing is read on behalf of nobody."""
    found = _reader.get()
    if found is None:
        raise NobodyReads("Traffic is read for somebody alone: see docs/access.md.")
    return found


def is_bound() -> bool:
    """Whether somebody reads who must not see every domain."""
    found = _reader.get()
    return found is not None and found.is_bound


def for_all_domains(make: Callable[[], Made]) -> Made | None:
    """What is of no domain, for those who see every domain; None for others."""
    return None if reader().is_bound else make()


@contextmanager
def reads(who: Reader | None) -> Iterator[None]:
    """Within it this reader reads; with None nobody, until `enter`."""
    token = _reader.set(who)
    try:
        yield
    finally:
        _reader.reset(token)


def enter(who: Reader) -> None:
    """From now on, up to the end of the `reads` around it."""
    _reader.set(who)


@lru_cache(maxsize=4096)
def names_for_domain(domain: str) -> tuple[str, ...]:
    """The names and wildcards that stand for it, as they do for credentials (accounts/access/wildcards.py)."""
    if is_wildcard(domain):
        return (domain, *covering(domain.removeprefix(PREFIX)))
    try:
        return (domain, *names_for(parse_host(domain)))
    except BadHost:
        return (domain,)
