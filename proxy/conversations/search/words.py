"""The words of a text as a person would look for them, in prose and in code.

A word is a run of letters, digits and `_`: `getUserName` is found as a whole and by its parts `get`, `user`, `name`; a path or a
dotted name is several words. CJK, which has no spaces, is taken in pairs of characters. Case does not count.
"""

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

LONGEST = 64
# What has more of them is a hash or an id, whose parts nobody looks for.
_MOST_PARTS = 8
_REMEMBERED = 8192

_CJK = "\u3005-\u3007\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\U00020000-\U0003ffff"
_RUN = re.compile(rf"[{_CJK}]+|[^\W{_CJK}]+")
_ASCII_RUN = re.compile(r"\w+", re.ASCII)
# What is no part of a word becomes a space.
_ASCII_WORDS = "".join(char if _ASCII_RUN.match(char) else " " for char in map(chr, range(128)))
# A lookahead, so that pairs overlap.
_PAIR = re.compile(rf"(?=([{_CJK}]{{2}}))")
# `\w` without digits, `_` and capitals of ASCII: only these mark where a part begins.
_LETTER = r"[^\W\d_A-Z]"
_PART = re.compile(rf"[A-Z]+(?!{_LETTER})|[A-Z]?{_LETTER}+|\d+")


class Word(NamedTuple):
    """Where a word stands in its text, and the terms by which it is found; none if it is too long for anybody to type."""

    start: int
    end: int
    terms: tuple[str, ...]


def normal(text: str) -> str:
    """`text` in Unicode's form NFKC, in which what looks alike is the same; everything below takes texts in it."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text)


def runs(text: str) -> list[str]:
    """Its words and whole runs of CJK, in order, as they are written."""
    # A third of the time of the pattern, and almost all texts are such.
    return text.translate(_ASCII_WORDS).split() if text.isascii() else _RUN.findall(text)


def words(text: str) -> Iterator[Word]:
    """Each word of a text and each pair of CJK characters, in order."""
    for run in (_ASCII_RUN if text.isascii() else _RUN).finditer(text):
        start, end = run.span()
        terms = terms_of(run[0])
        if _PAIR.match(text, start, end):
            yield from (Word(start + at, start + at + 2, (pair,)) for at, pair in enumerate(terms))
        else:
            yield Word(start, end, terms)


def terms_of(run: str) -> tuple[str, ...]:
    """All terms of a run: the word as a whole, then its parts of two characters and more; or pairs of CJK characters."""
    if len(run) > 1 and not run.isascii() and _PAIR.match(run):
        return tuple(_PAIR.findall(run))
    return _terms_of_word(run) if len(run) <= LONGEST else ()


@lru_cache(_REMEMBERED)
def _terms_of_word(run: str) -> tuple[str, ...]:
    whole = _fold(run)
    # Almost all words are plain.
    if run.isalpha() and (run.islower() or run.istitle() or run.isupper()):
        return (whole,)
    parts = [_fold(part) for part in _PART.findall(run) if len(part) > 1]
    return (whole, *(part for part in parts if part != whole)) if len(parts) <= _MOST_PARTS else (whole,)


def _fold(word: str) -> str:
    return word.lower() if word.isascii() else unicodedata.normalize("NFKC", word.casefold())
