"""When the pieces of an answer came, as a drawing 1000 units wide."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDTH = 1000
HEIGHT = 60
SILENCE_MS = 1000
Chunk = tuple[float, int]


@dataclass(frozen=True, slots=True)
class Bin:
    """The pieces that fall together on one column of the drawing."""

    x: float
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class Silence:
    """A stretch of a second or more without a byte."""

    x: float
    width: float
    title: str


@dataclass(frozen=True, slots=True)
class Timeline:
    """The drawing and its facts; times in ms since the request came."""

    bins: list[Bin]
    silences: list[Silence]
    fragments: int
    first_ms: float
    last_ms: float
    longest_silence_ms: float
    median_gap_ms: float
    end_ms: float


def draw(chunks: Sequence[Chunk], duration_ms: float, columns: int = 250) -> Timeline | None:
    """The timeline of an answer; None where nothing came."""
    if not chunks:
        return None
    times = [0.0, *(moment for moment, _ in chunks)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    end = max(duration_ms, times[-1], 1.0)
    between = sorted(gaps[1:])
    return Timeline(
        bins=_bins(chunks, end, columns),
        silences=[
            Silence(
                round(earlier / end * WIDTH, 2),
                round((later - earlier) / end * WIDTH, 2),
                f"{(later - earlier) / 1000:.1f} s without a byte",
            )
            for earlier, later in pairwise(times)
            if later - earlier >= SILENCE_MS
        ],
        fragments=len(chunks),
        first_ms=chunks[0][0],
        last_ms=chunks[-1][0],
        longest_silence_ms=max(gaps),
        median_gap_ms=between[len(between) // 2] if between else 0.0,
        end_ms=end,
    )


def _bins(chunks: Sequence[Chunk], end: float, columns: int) -> list[Bin]:
    sizes: dict[int, int] = {}
    for moment, size in chunks:
        column = min(int(moment / end * columns), columns - 1)
        sizes[column] = sizes.get(column, 0) + size
    biggest = max(max(sizes.values()), 1)
    width = WIDTH / columns
    return [_bin(column, size, biggest, width, end / columns) for column, size in sorted(sizes.items())]


def _bin(column: int, size: int, biggest: int, width: float, step_ms: float) -> Bin:
    # A small piece must stay visible beside a large one.
    height = round(6 + (HEIGHT - 6) * size / biggest, 2)
    title = f"{column * step_ms:.0f} ms: {size:,} bytes"
    return Bin(round(column * width, 2), round(HEIGHT - height, 2), height, title)
