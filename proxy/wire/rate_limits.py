"""What the API tells of its rate limits: the `anthropic-ratelimit-*` and `retry-after` headers of an answer.

API keys get limit, remaining and reset of each limit, OAuth accounts the utilisation of their `unified-*` windows
(https://docs.claude.com/en/api/rate-limits). Times are epoch seconds.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

PREFIX = b"anthropic-ratelimit-"
_UNIFIED = "unified-"
_WINDOWS = ("unified-5h", "unified-7d")  # the latter also per model, as unified-7d_sonnet
LONGEST_SECONDS = 8 * 86_400  # the longest window is of seven days

Gauges = dict[str, tuple[float, float]]


def gauges(headers: Iterable[tuple[bytes, bytes]]) -> Gauges:
    """For each window (`requests`, `unified-5h`, …) the share used, 0 to 1, and its reset, 0 where none is reported."""
    reported = _reported(headers)
    found: Gauges = {}
    for name, value in reported.items():
        window, _, what = name.rpartition("-")
        if what == "utilization":
            used = _number(value)
        elif what == "remaining":
            left, limit = _number(value), _number(reported.get(f"{window}-limit", ""))
            used = 1 - left / limit if left is not None and limit else None
        else:
            continue
        if used is not None:
            found[window] = (min(max(used, 0.0), 1.0), _moment(reported.get(f"{window}-reset", "")) or 0.0)
    return found


def used_share(known: Mapping[str, tuple[float, float]], now: float) -> float:
    """The share used of the window that is nearest to its end; one that was reset since counts as empty."""
    return max(
        (used for name, (used, reset) in known.items() if reset > now and _is_window(name)), default=0.0
    )


def is_of_account(name: str) -> bool:
    """Whether it is a window of hours or days of an OAuth account; those of API keys begin anew each minute."""
    return name.startswith(_WINDOWS)


def _is_window(name: str) -> bool:
    """Whether requests are refused when it is full: what is bought beyond a window (`unified-overage`) or served slowly
    (`unified-slow-budget`) may be used up while the account has room."""
    return not name.startswith(_UNIFIED) or name.startswith(_WINDOWS)


def allowed_again(headers: Iterable[tuple[bytes, bytes]], now: float, *, limited: bool) -> float | None:
    """When the API may be asked again: `retry-after`, else of an answer that says `limited` the reset of what is used up.

    None where the answer does not say, or says a time that has passed; never later than LONGEST_SECONDS from now.
    """
    pairs = [(name.lower(), value) for name, value in headers]
    reported = next((value.decode("latin-1") for name, value in pairs if name == b"retry-after"), "")
    moment = _retry_after(reported, now)
    if moment is None and limited:
        moment = _reset(pairs, now)
    return min(moment, now + LONGEST_SECONDS) if moment is not None and moment > now else None


def _reported(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    lowered = ((name.lower(), value) for name, value in headers)
    return {
        name[len(PREFIX) :].decode("latin-1"): value.decode("latin-1")
        for name, value in lowered
        if name.startswith(PREFIX)
    }


def _reset(headers: Iterable[tuple[bytes, bytes]], now: float) -> float | None:
    """The last reset of the windows that are used up, else that of the one which the API names, else the first of all."""
    reported = _reported(headers)
    known = gauges(headers).items()
    full = [reset for name, (used, reset) in known if used >= 1 and reset > now and _is_window(name)]
    full += [
        _moment(reported.get(f"{name.removesuffix('-status')}-reset", "")) or 0.0
        for name, value in reported.items()
        if name.endswith("-status") and value == "rejected" and _is_window(name.removesuffix("-status"))
    ]
    if any(full):
        return max(full)
    resets = [
        moment for name, value in reported.items() if name.endswith("reset") and (moment := _moment(value))
    ]
    return _moment(reported.get("unified-reset", "")) or min(
        (moment for moment in resets if moment > now), default=None
    )


def _retry_after(value: str, now: float) -> float | None:
    """RFC 9110 §10.2.3: seconds, or a date."""
    seconds = _number(value)
    if seconds is not None:
        return now + seconds
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _moment(value: str) -> float | None:
    """Epoch seconds, or a date of RFC 3339."""
    number = _number(value)
    if number is not None:
        return number
    try:
        date = datetime.fromisoformat(value)
    except ValueError:
        return None
    return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()


def _number(value: str) -> float | None:
    """A plain number that is not negative."""
    text = value.strip()
    return float(text) if text.replace(".", "", 1).isdecimal() and text.isascii() and len(text) < 20 else None
