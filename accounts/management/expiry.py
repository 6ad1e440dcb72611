"""When something ends, as people type it."""

import re
from datetime import UTC, datetime, timedelta

_SPAN = re.compile(r"([0-9]{1,4})([hdw])")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


class BadExpiry(ValueError):
    """The text is no end; the message says what is."""


def expiry_of(text: str, now: datetime) -> datetime | None:
    """A span from now (`90d`, `12h`, `8w`) or a date or moment in ISO 8601, UTC without a zone; "" is never. Raises BadExpiry."""
    if not text:
        return None
    span = _SPAN.fullmatch(text)
    end = now + int(span[1]) * _UNITS[span[2]] if span else _moment(text)
    if end <= now:
        raise BadExpiry(f"{text} is no time to come")
    return end


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadExpiry(
            f"{text} is neither a span such as 90d, 12h or 8w nor a date such as 2027-01-31"
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
