"""What a person types into search: words that all have to be there, and "phrases" whose words follow each other."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from proxy.conversations.search.words import LONGEST, normal, words

MOST_CHARACTERS = 300
MOST_TERMS = 20
_TYPED_PART = re.compile(r'"([^"]*)"?|([^\s"]+)')


class QueryError(ValueError):
    """A query that cannot be searched; the message says why, and what would do."""


@dataclass(frozen=True, slots=True)
class Query:
    """What has to be in a turn, each a word or several that follow each other: what is in quotes, a path, a dotted name."""

    phrases: tuple[tuple[str, ...], ...]

    @property
    def terms(self) -> list[str]:
        """Each term once, in the order in which they were typed."""
        return list(dict.fromkeys(term for phrase in self.phrases for term in phrase))

    @property
    def has_order(self) -> bool:
        """Whether the index, which knows no order, says less than was asked."""
        return any(len(phrase) > 1 for phrase in self.phrases)

    def may_be_in(self, texts: Sequence[str]) -> bool:
        """False where a phrase cannot be in any of the texts: quicker than to take them apart."""
        if not self.has_order:
            return True
        folded = [text.casefold() for text in texts]
        patterns = filter(None, map(_in_order, self.phrases))
        return all(any(map(pattern.search, folded)) for pattern in patterns)


@lru_cache
def _in_order(phrase: tuple[str, ...]) -> re.Pattern[str] | None:
    """What any text with a phrase matches, in small letters; None for scripts whose words may touch."""
    if len(phrase) == 1 or not all(map(str.isascii, phrase)):
        return None
    return re.compile(r"\w*\W+\w*".join(map(re.escape, phrase)))


def parse(typed: str) -> Query:
    """The query that was typed. Raises QueryError where nothing in it can be searched."""
    if len(typed) > MOST_CHARACTERS:
        raise QueryError(f"it is longer than {MOST_CHARACTERS} characters")
    found = Query(tuple(dict.fromkeys(filter(None, map(_phrase, _typed_parts(normal(typed)))))))
    if not found.phrases:
        raise QueryError("it has no word: give some letters or digits")
    if len(found.terms) > MOST_TERMS:
        raise QueryError(f"it has {len(found.terms)} words, and at most {MOST_TERMS} can be searched")
    return found


def _typed_parts(typed: str) -> Iterator[str]:
    for part in _TYPED_PART.finditer(typed):
        yield part[1] or part[2] or ""


def _phrase(part: str) -> tuple[str, ...]:
    """The words of a part, each by its whole term."""
    found = list(words(part))
    for word in found:
        if not word.terms:
            raise QueryError(f"words of more than {LONGEST} characters are not kept: leave it out")
    return tuple(word.terms[0] for word in found)
