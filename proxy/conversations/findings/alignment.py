"""Match two sequences by what is equal in them, so that something put in between does not make all behind it different."""

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Sequence

Pair = tuple[int | None, int | None]


def paired(
    before: Sequence[Hashable], after: Sequence[Hashable], alike: Callable[[int, int], bool]
) -> Iterator[Pair]:
    """Positions in both sequences, in order, each once: equal, or changed (what is `alike` at the same place), or alone.

    Equal are the common beginning and end, and between them what occurs once in each and keeps its order.
    """
    i = j = 0
    for next_i, next_j in [*_matches(before, after), (len(before), len(after))]:
        while i < next_i and j < next_j:
            yield from [(i, j)] if alike(i, j) else [(i, None), (None, j)]
            i, j = i + 1, j + 1
        yield from ((alone, None) for alone in range(i, next_i))
        yield from ((None, alone) for alone in range(j, next_j))
        if next_i < len(before):
            yield next_i, next_j
        i, j = next_i + 1, next_j + 1


def _matches(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    start, shorter = 0, min(len(before), len(after))
    while start < shorter and before[start] == after[start]:
        start += 1
    end = 0
    while end < shorter - start and before[-1 - end] == after[-1 - end]:
        end += 1
    middle = _kept(before[start : len(before) - end], after[start : len(after) - end])
    return [
        *((at, at) for at in range(start)),
        *((start + i, start + j) for i, j in middle),
        *((len(before) - at, len(after) - at) for at in range(end, 0, -1)),
    ]


def _kept(before: Sequence[Hashable], after: Sequence[Hashable]) -> list[tuple[int, int]]:
    """Of what occurs once in each: the most that keeps its order."""
    times, places = Counter(before), Counter(after)
    where = {key: j for j, key in enumerate(after) if places[key] == 1}
    common = [(i, where[key]) for i, key in enumerate(before) if times[key] == 1 and key in where]
    return [common[at] for at in longest_rise([j for _, j in common])]


def longest_rise(values: Sequence[int]) -> list[int]:
    """The positions of a longest ascending subsequence of distinct values."""
    least: list[int] = []  # of all ascending runs of each length, the least last value
    ends: list[int] = []  # and its position
    earlier: list[int] = []
    for at, value in enumerate(values):
        length = bisect_left(least, value)
        earlier.append(ends[length - 1] if length else -1)
        if length == len(least):
            least.append(value)
            ends.append(at)
        else:
            least[length], ends[length] = value, at
    found: list[int] = []
    at = ends[-1] if ends else -1
    while at >= 0:
        found.append(at)
        at = earlier[at]
    return found[::-1]
