"""Where a query's words stand in the texts of a turn, and what to show of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from proxy.conversations.search.new_text import Part, Where
from proxy.conversations.search.query import Query
from proxy.conversations.search.words import Word, words

_BEFORE = 80
_LENGTH = 280
_ELLIPSIS = "…"

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Snippet:
    """A part of a text; `marks` are the hits in it, as positions of characters from and to."""

    where: Where
    text: str
    marks: tuple[Span, ...]

    def split(self) -> Iterator[tuple[str, bool]]:
        """The text in order, each stretch with whether it is a hit."""
        end = 0
        for start, stop in self.marks:
            yield self.text[end:start], False
            yield self.text[start:stop], True
            end = stop
        yield self.text[end:], False


def snippet_of(parts: Sequence[Part], query: Query) -> Snippet | None:
    """Of the part with most of what was asked for; None unless the parts together have all of it."""
    if not query.may_be_in([part.text for part in parts]):
        return None
    spans_of = [_spans(part.text, query) for part in parts]
    if not all(any(spans[at] for spans in spans_of) for at in range(len(query.phrases))):
        return None
    most = max(range(len(parts)), key=lambda at: sum(map(bool, spans_of[at])))
    return _cut(parts[most], _merged(spans_of[most]))


def _spans(text: str, query: Query) -> list[list[Span]]:
    """For each phrase of the query, where it stands in a text."""
    found = list(words(text))
    places: dict[str, list[int]] = {term: [] for term in query.terms}
    wanted = frozenset(places)
    for at, word in enumerate(found):
        if not wanted.isdisjoint(word.terms):
            for term in wanted.intersection(word.terms):
                places[term].append(at)
    return [list(_matches(found, places, phrase)) for phrase in query.phrases]


def _matches(found: Sequence[Word], places: dict[str, list[int]], phrase: tuple[str, ...]) -> Iterator[Span]:
    following = [set(places[term]) for term in phrase]
    for at in places[phrase[0]]:
        if all(at + offset in places_of for offset, places_of in enumerate(following)):
            yield found[at].start, found[at + len(phrase) - 1].end


def _merged(spans_of: Sequence[Sequence[Span]]) -> list[Span]:
    """All spans in order, those that touch or overlap as one."""
    merged: list[Span] = []
    for start, end in sorted(span for spans in spans_of for span in spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut(part: Part, spans: Sequence[Span]) -> Snippet:
    """Around the first hit; a text that goes on has an ellipsis there. A hit that is cut ends with the text."""
    start = max(0, spans[0][0] - _BEFORE)
    if start:
        # From a whole word on, if one begins before the hit.
        start = part.text.find(" ", start, spans[0][0]) + 1 or start
    end = min(len(part.text), start + _LENGTH)
    before, after = _ELLIPSIS if start else "", _ELLIPSIS if end < len(part.text) else ""
    shift = len(before) - start
    marks = tuple((from_ + shift, min(to, end) + shift) for from_, to in spans if from_ < end)
    return Snippet(part.where, f"{before}{part.text[start:end]}{after}", marks)
