"""Periods as people name them, in a time zone of theirs: `24h`, `today`, `last-month`, or from one moment to another."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.conf import settings

SPANS = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
# In the order of the picker, with what it says.
NAMES = {
    "1h": "Last hour",
    "6h": "Last 6 hours",
    "24h": "Last 24 hours",
    "today": "Today",
    "yesterday": "Yesterday",
    "7d": "Last 7 days",
    "30d": "Last 30 days",
    "month": "This month",
    "last-month": "Last month",
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """From a moment to another one, which no longer counts; None is open. Both are in UTC."""

    since: datetime | None = None
    until: datetime | None = None


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its IANA name, "" for REPORTING_TIME_ZONE; raises ValueError."""
    try:
        return ZoneInfo(name or settings.REPORTING_TIME_ZONE)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("it is no time zone; give one such as Europe/Berlin") from error


def bounds(name: str, zone: str, now: datetime) -> Bounds:
    """What a period of NAMES means at this moment; days and months begin at midnight in the zone. Raises ValueError."""
    if name in SPANS:
        return Bounds(now - SPANS[name])
    if name not in NAMES:
        raise ValueError(f"it is none of {', '.join(NAMES)}")
    local = zone_of(zone)
    today = now.astimezone(local).date()
    first = today.replace(day=1)
    first_before = (first - timedelta(days=1)).replace(day=1)
    begin, end = {
        "today": (today, None),
        "yesterday": (today - timedelta(days=1), today),
        "month": (first, None),
        "last-month": (first_before, first),
    }[name]
    return Bounds(_midnight(begin, local), _midnight(end, local) if end else None)


def _midnight(day: date, local: ZoneInfo) -> datetime:
    return datetime.combine(day, time(), local).astimezone(UTC)
