"""The rate limits that an answer reports in its headers, as gauges."""

from dataclasses import dataclass
from datetime import UTC, datetime

from proxy.wire import rate_limits

_NAMES = {"unified-5h": "5-hour window", "unified-7d": "7-day window", "unified-overage": "Overage"}
Headers = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Gauge:
    """`used` is a share from 0 to 1; `limit` and `remaining` are "" where only the share is reported.

    `resets_at` is None where nothing says it, or what it says is no moment.
    """

    name: str
    used: float
    limit: str
    remaining: str
    resets_at: datetime | None
    was_full: bool


def gauges_of(headers: Headers, at: datetime) -> list[Gauge]:
    """The fullest first; `at` is the moment of the answer, up to which a reset has been."""
    pairs = [
        (name.encode("latin-1", "replace"), value.encode("latin-1", "replace")) for name, value in headers
    ]
    reported = {name.lower(): value for name, value in headers}
    found = rate_limits.gauges(pairs)
    prefix = rate_limits.PREFIX.decode()
    return [
        Gauge(
            _name(window),
            used,
            reported.get(f"{prefix}{window}-limit", "")[:20],
            reported.get(f"{prefix}{window}-remaining", "")[:20],
            _moment(reset),
            used >= 1 or reported.get(f"{prefix}{window}-status") == "rejected",
        )
        for window, (used, reset) in sorted(found.items(), key=lambda item: (-item[1][0], item[0]))
    ]


def _name(window: str) -> str:
    """unified-7d_sonnet as "7-day window, sonnet"; input-tokens as "Input tokens"."""
    for known, name in _NAMES.items():
        if window.startswith(known):
            rest = window.removeprefix(known).strip("_-")
            return f"{name}, {rest.replace('_', ' ')}" if rest else name
    return window.replace("-", " ").replace("_", " ").capitalize()[:60]


def _moment(reset: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(reset, UTC) if reset else None
    except (OverflowError, ValueError, OSError):
        return None
