"""Ways in which a network may cut a stream."""

from itertools import pairwise

from hypothesis import strategies as st


def cut(data: bytes, positions: list[int]) -> list[bytes]:
    """`data` in pieces, cut at each of `places` (taken modulo its length)."""
    edges = [0, *sorted({position % (len(data) + 1) for position in positions}), len(data)]
    return [data[start:end] for start, end in pairwise(edges)]


positions = st.lists(st.integers(min_value=0, max_value=1_000_000), max_size=40)
