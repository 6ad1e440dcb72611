"""What is counted in buckets, which add up, so that percentiles of hours merge into those of weeks.

Read by ingest in Python and by rebuilds in SQL. Nothing here asks anything of a database or of Django.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from proxy.record import COMPLETE

# Each bound is about 1.5 times the one before: a percentile is off by at most a quarter.
BOUNDS_MS = (
    10, 15, 25, 40, 60, 90, 130, 200, 300, 450, 700, 1000, 1500, 2300, 3400, 5000, 7500, 11_000, 17_000, 26_000,
    40_000, 60_000, 90_000, 135_000, 200_000, 300_000, 600_000,
)  # fmt: skip
BOUNDS_PER_SECOND = (1, 2, 3, 5, 7, 10, 15, 22, 33, 50, 75, 110, 165, 250, 370, 560, 840, 1260)


@dataclass(frozen=True, slots=True)
class Histogram:
    """`name` is its column in the sums. `of` is the whole number that an exchange has, None for none; `sql` says the same,
    "" where no row has it."""

    name: str
    label: str
    unit: str
    bounds: tuple[int, ...]
    of: Callable[[Any], int | None]
    sql: str = ""

    @property
    def buckets(self) -> int:
        """The last one is open."""
        return len(self.bounds) + 1

    def bucket(self, value: float) -> int:
        """Where a value is counted: with all up to the bound."""
        return bisect_left(self.bounds, value)

    @property
    def bucket_sql(self) -> str:
        """The same in SQL, null for nothing: width_bucket counts the bounds up to a value, `bucket` those below it."""
        return f"width_bucket(({self.sql}) - 1, ARRAY{list(self.bounds)})"

    def percentile(self, counts: Sequence[int], share: float) -> float | None:
        """The value below which `share` (0 to 1) of the counted ones lie, by linear interpolation; None without any."""
        cumulative = list(accumulate(counts))
        if not cumulative or not cumulative[-1]:
            return None
        wanted = cumulative[-1] * share
        index = bisect_left(cumulative, max(wanted, 1))
        low = self.bounds[index - 1] if index else 0
        high = self.bounds[index] if index < len(self.bounds) else low * 2
        below = cumulative[index] - counts[index]
        return low + (high - low) * max(0.0, wanted - below) / counts[index]


def _tokens_per_second(row: Any) -> int | None:
    """Of a stream that came to its end, from its first byte on."""
    if not row.streamed or row.outcome != COMPLETE or not row.output_tokens or row.first_byte_ms is None:
        return None
    milliseconds = row.duration_ms - row.first_byte_ms
    return int(row.output_tokens) * 1000 // milliseconds if milliseconds > 0 else None


DURATIONS = Histogram("durations", "Duration", "ms", BOUNDS_MS, lambda row: row.duration_ms, "duration_ms")
FIRST_BYTES = Histogram(
    "first_bytes", "First byte", "ms", BOUNDS_MS, lambda row: row.first_byte_ms, "first_byte_ms"
)
SPEEDS = Histogram(
    "speeds",
    "Speed",
    "tokens/s",
    BOUNDS_PER_SECOND,
    _tokens_per_second,
    f"CASE WHEN streamed AND outcome = '{COMPLETE}' AND output_tokens > 0 AND duration_ms > first_byte_ms"
    " THEN output_tokens * 1000 / (duration_ms - first_byte_ms) END",
)
HISTOGRAMS = (DURATIONS, FIRST_BYTES, SPEEDS)

# Of a call of a tool: no exchange has it, so that it is in none of the sums above. People are waited for as well.
WAITS = Histogram("waits", "Time", "ms", (*BOUNDS_MS, 1_800_000, 3_600_000), lambda use: use.milliseconds)
