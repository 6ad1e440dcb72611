"""A window as a row shows it: how much is used, when it is empty again, when it will be full, and how it went."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from django.utils.safestring import SafeString

from dashboard.drawing import spark
from dashboard.queries.accounts import Window
from dashboard.queries.window_forecast import Sample, lookback_of
from dashboard.templatetags.nexus import percent

NEAR, ALMOST = 0.8, 0.95
POINTS = 96
# A line shows some times what a forecast looks at.
_LINES = {timedelta(hours=1): timedelta(days=1), timedelta(days=1): timedelta(days=8)}


@dataclass(frozen=True, slots=True)
class WindowRow:
    """`width` is of 100; `level` is good, warn or bad; `full` is "" without a forecast; `history` is a line of `stretch`."""

    name: str
    used: str
    width: float
    level: str
    resets: str
    resets_in: str
    full: str
    full_in: str
    history: SafeString
    stretch: str


def row(window: Window, now: datetime, zone: ZoneInfo) -> WindowRow:
    """In words."""
    stretch = _LINES[lookback_of(window.name)]
    return WindowRow(
        name=_name(window),
        used=percent(window.used_share),
        width=round(100 * window.used_share, 1),
        level="bad" if window.used_share >= ALMOST else "warn" if window.used_share >= NEAR else "good",
        resets=_clock(window.resets_at, now, zone),
        resets_in=_until(window.resets_at, now),
        full=_clock(window.full_at, now, zone),
        full_in=_until(window.full_at, now),
        history=spark.line(_points(window.samples, now, stretch), top=1),
        stretch="24 hours" if stretch == timedelta(days=1) else f"{stretch.days} days",
    )


def _name(window: Window) -> str:
    """5 h; 7 d, sonnet; another one as the API calls it."""
    spoken = {"5h": "5 h", "7d": "7 d"}
    first, _, model = window.name.partition("_")
    return f"{spoken.get(first, first)}, {model}" if model else spoken.get(first, first.replace("-", " "))


def _clock(moment: datetime | None, now: datetime, zone: ZoneInfo) -> str:
    """15:40; Sat 15:40 on another day."""
    if moment is None:
        return ""
    local = moment.astimezone(zone)
    return f"{local:{'%H:%M' if local.date() == now.astimezone(zone).date() else '%a %d %H:%M'}}"


def _until(moment: datetime | None, now: datetime) -> str:
    """36m; 2h 5m; 3d 4h."""
    if moment is None:
        return ""
    left = max(timedelta(), moment - now)
    if left >= timedelta(days=2):
        return f"{left.days}d {left.seconds // 3600}h"
    minutes = -(-left // timedelta(minutes=1))
    return f"{minutes}m" if minutes < 60 else f"{minutes // 60}h {minutes % 60}m"


def _points(samples: Sequence[Sample], now: datetime, stretch: timedelta) -> list[float | None]:
    """The last sample of each of POINTS parts of the stretch."""
    found: list[float | None] = [None] * POINTS
    for sample in samples:
        place = POINTS - 1 - int((now - sample.at) / stretch * POINTS)
        if 0 <= place < POINTS:
            found[place] = sample.used
    return _bridged(found)


def _bridged(values: Sequence[float | None]) -> list[float | None]:
    """What nobody asked about meanwhile stayed as it was, as far as anybody knows: no gaps between samples."""
    found: list[float | None] = []
    last = None
    for value in values:
        last = value if value is not None else last
        found.append(last)
    return found
