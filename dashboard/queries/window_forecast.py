"""When a window of an account will be full, from how fast it filled lately. Pure.

The formula: u(t) is the share used, 0 to 1, at the samples of the window that runs now; through those of the last LOOKBACK goes the
line of least squares, slope b = Σ(t-t̄)(u-ū) / Σ(t-t̄)²; full at t = now + (1 - u(now)) / b. Its source are the API's own response
headers, `anthropic-ratelimit-unified-<window>-utilization` and `-reset`, of which the worker keeps one for every five minutes in
which the account answered (docs/decisions/0046-history-of-windows.md).

The limits: it says what follows if the account goes on as it did in LOOKBACK, and knows no evening and no weekend. The API rounds
what is used to hundredths, so a slow window has a rough slope. Use of the account past Nexus is seen with Nexus's next request.
There is none from fewer than FEWEST samples, over less than LEAST_STRETCH, older than STALE, without a rise, or beyond the reset.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import fmean

FEWEST = 3
LEAST_STRETCH = timedelta(minutes=10)
STALE = timedelta(minutes=30)
# A window of hours by its last hour, one of days by its last day.
LOOKBACKS = {"5h": timedelta(hours=1), "7d": timedelta(days=1)}
# A reset moves by seconds between responses; another one is another window.
SAME_RESET = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a response said at a moment: the share used, 0 to 1, and when the window is empty again, None where it did not say."""

    at: datetime
    used: float
    resets_at: datetime | None


def lookback_of(window: str) -> timedelta:
    """How far a forecast of `5h`, `7d` or `7d_<model>` looks back; an hour for any other."""
    return LOOKBACKS.get(window.partition("_")[0], LOOKBACKS["5h"])


def full_at(samples: Iterable[Sample], now: datetime, lookback: timedelta) -> datetime | None:
    """When the window is full, None where that is before its reset by no means, or where nobody can tell; now for a full one."""
    known = sorted((sample for sample in samples if sample.at <= now), key=lambda sample: sample.at)
    if not known or now - known[-1].at > STALE:
        return None
    last = known[-1]
    if last.resets_at is None or last.resets_at <= now:
        return None
    if last.used >= 1:
        return now
    recent = [sample for sample in known if now - sample.at <= lookback and _is_same(sample, last)]
    slope = _slope(recent)
    if slope is None or slope <= 0:
        return None
    seconds = (1 - last.used) / slope
    # Compared as numbers: a slope next to nothing has no date in the calendar.
    return now + timedelta(seconds=seconds) if seconds < (last.resets_at - now).total_seconds() else None


def _is_same(sample: Sample, last: Sample) -> bool:
    if sample.resets_at is None or last.resets_at is None:
        return False
    return abs(sample.resets_at - last.resets_at) <= SAME_RESET


def _slope(samples: Sequence[Sample]) -> float | None:
    """The share that is used more in a second, None from too little."""
    if len(samples) < FEWEST or samples[-1].at - samples[0].at < LEAST_STRETCH:
        return None
    seconds = [(sample.at - samples[0].at).total_seconds() for sample in samples]
    middle, used = fmean(seconds), fmean(sample.used for sample in samples)
    spread = sum((second - middle) ** 2 for second in seconds)
    rise = sum(
        (second - middle) * (sample.used - used) for second, sample in zip(seconds, samples, strict=True)
    )
    return rise / spread
