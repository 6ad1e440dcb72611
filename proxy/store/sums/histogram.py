"""Durations in a histogram whose buckets add up, so that percentiles of hours merge into those of weeks."""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

# Each bound is about 1.5 times the one before: a percentile is off by at most a quarter.
BOUNDS_MS = (
    10, 15, 25, 40, 60, 90, 130, 200, 300, 450, 700, 1000, 1500, 2300, 3400, 5000, 7500, 11_000, 17_000, 26_000,
    40_000, 60_000, 90_000, 135_000, 200_000, 300_000, 600_000,
)  # fmt: skip
BUCKETS = len(BOUNDS_MS) + 1


def bucket(duration_ms: float) -> int:
    """The bucket of one duration; the last one is open."""
    return bisect_left(BOUNDS_MS, duration_ms)


def percentile(counts: Sequence[int], share: float) -> float | None:
    """The duration in ms below which `share` (0 to 1) of the counted ones lie, by linear interpolation; None without any."""
    cumulative = list(accumulate(counts))
    if not cumulative or not cumulative[-1]:
        return None
    wanted = cumulative[-1] * share
    index = bisect_left(cumulative, max(wanted, 1))
    low = BOUNDS_MS[index - 1] if index else 0
    high = BOUNDS_MS[index] if index < len(BOUNDS_MS) else low * 2
    below = cumulative[index] - counts[index]
    return low + (high - low) * max(0.0, wanted - below) / counts[index]
