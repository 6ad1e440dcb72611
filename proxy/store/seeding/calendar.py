"""When the traffic comes: more on weekdays, more by day, more from month to month."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import accumulate, pairwise

HOUR = timedelta(hours=1)
# Share of an hour's traffic, midnight to midnight UTC.
_DAY = (5, 4, 4, 4, 5, 7, 12, 25, 55, 80, 92, 95, 70, 82, 98, 100, 94, 78, 50, 32, 24, 18, 12, 8)
_WEEKEND = 0.15
_GROWTH = 0.6


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch within one month and with the same prices: a conversation lies in one of them."""

    start: datetime
    end: datetime


def periods(start: datetime, end: datetime, price_changes: Iterable[datetime]) -> list[Period]:
    """The stretches between two moments, in order."""
    borders = {start, end}
    borders |= {moment for moment in (*_months(start, end), *price_changes) if start < moment < end}
    return [Period(*both) for both in pairwise(sorted(borders))]


def quotas(start: datetime, end: datetime, total: int) -> Iterator[tuple[datetime, int]]:
    """How many of `total` exchanges begin in each hour; the first and the last hour may be cut."""
    hours = list(_hours(start, end))
    reached = list(accumulate(_weight(hour, start, end) for hour in hours))
    done = 0
    for hour, share in zip(hours, reached, strict=True):
        upto = round(total * share / reached[-1])
        yield hour, upto - done
        done = upto


def _months(start: datetime, end: datetime) -> Iterator[datetime]:
    month = start.astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    while month < end:
        yield month
        month = (month + timedelta(days=32)).replace(day=1)


def _hours(start: datetime, end: datetime) -> Iterator[datetime]:
    while start < end:
        yield start
        start = start.replace(minute=0, second=0, microsecond=0) + HOUR


def _weight(hour: datetime, start: datetime, end: datetime) -> float:
    whole = hour.replace(minute=0, second=0, microsecond=0)
    lasts = (min(end, whole + HOUR) - hour) / HOUR
    week = _WEEKEND if hour.weekday() >= 5 else 1
    return _DAY[hour.hour] * week * (1 + _GROWTH * ((hour - start) / (end - start))) * lasts
