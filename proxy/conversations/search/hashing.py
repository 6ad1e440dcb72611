"""Terms as signed 32-bit numbers, which an index holds in a quarter of the room: some words share one, so a hit is looked at again.

The numbers are made under a key. Where bodies are encrypted it is the month's own, so that the database alone does not say which
words it holds.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache
from hashlib import blake2b

from proxy.conversations.search.words import LONGEST, runs, terms_of

_SIZE = 4
_KEY = 32
# Most words of a turn were in one before.
_REMEMBERED = 32_768


class Hasher:
    """The numbers of terms under one key."""

    def __init__(self, key: bytes) -> None:
        self._key = key[:_KEY]
        self._of_run: Callable[[str], tuple[int, ...]] = lru_cache(_REMEMBERED)(self._hash_run)

    def of_texts(self, texts: Iterable[str]) -> list[int]:
        """The numbers of all terms in some texts, each once, sorted."""
        found = {run for text in texts for run in runs(text)}
        short = set().union(*(self._of_run(run) for run in found if len(run) <= LONGEST))
        # Only CJK has longer runs, and they do not come again.
        return sorted(short.union(*(self._hash_run(run) for run in found if len(run) > LONGEST)))

    def of_terms(self, terms: Iterable[str]) -> list[int]:
        """The numbers of these terms, each once, sorted."""
        return sorted({self._hash(term) for term in terms})

    def _hash_run(self, run: str) -> tuple[int, ...]:
        return tuple(self._hash(term) for term in terms_of(run))

    def _hash(self, term: str) -> int:
        digest = blake2b(term.encode("utf-8", "replace"), digest_size=_SIZE, key=self._key).digest()
        return int.from_bytes(digest, signed=True)
