"""Sequences are matched so that each position comes once, in order, and nothing equal is called changed."""

from hypothesis import given
from hypothesis import strategies as st

from proxy.conversations.findings.alignment import longest_rise, paired

LISTS = st.lists(st.sampled_from("abcdefgh"), max_size=12)


def pairs(before: str, after: str) -> list[tuple[int | None, int | None]]:
    return list(paired(before, after, lambda i, j: before[i].isupper() == after[j].isupper()))


def test_what_is_put_in_between_leaves_all_else_matched() -> None:
    assert pairs("abc", "aXbc") == [(0, 0), (None, 1), (1, 2), (2, 3)]
    assert pairs("abXcde", "aXcbe") == [(0, 0), (1, None), (2, 1), (3, 2), (4, 3), (5, 4)]


def test_unlike_ones_at_the_same_place_are_removed_and_added() -> None:
    assert pairs("aXc", "abc") == [(0, 0), (1, None), (None, 1), (2, 2)]
    assert pairs("axc", "abc") == [(0, 0), (1, 1), (2, 2)]


def test_the_beginning_is_matched_before_the_end() -> None:
    assert pairs("ab", "abab") == [(0, 0), (1, 1), (None, 2), (None, 3)]


@given(LISTS, LISTS)
def test_every_position_comes_once_and_in_order(before: list[str], after: list[str]) -> None:
    found = list(paired(before, after, lambda i, j: True))

    assert [i for i, _ in found if i is not None] == list(range(len(before)))
    assert [j for _, j in found if j is not None] == list(range(len(after)))
    assert (before == after) == all(
        i is not None and j is not None and before[i] == after[j] for i, j in found
    )


@given(st.permutations(range(9)))
def test_a_longest_rise_rises_and_is_the_longest(values: list[int]) -> None:
    found = [values[at] for at in longest_rise(values)]
    lengths: list[int] = []
    for at, value in enumerate(values):
        lengths.append(1 + max((lengths[i] for i in range(at) if values[i] < value), default=0))

    assert found == sorted(found)
    assert len(found) == max(lengths)
