"""Which exchanges somebody wants to see: parsed from an address and printed into one, which are inverse to each other.

The names in addresses are those of the API (docs/api.md). What is not known, given twice or not usable raises FilterError: nothing
is passed over in silence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from dashboard.filters import periods
from dashboard.filters.periods import Bounds
from dashboard.filters.values import domain_of, moment_of
from proxy.record import OUTCOMES

LONGEST = 300
_SHOWN = 60
CLASSES = ("1xx", "2xx", "3xx", "4xx", "5xx")


class FilterError(ValueError):
    """A filter that cannot be used; `name` is its parameter, and `why` says what would do."""

    def __init__(self, name: str, why: str) -> None:
        super().__init__(f"{name[:_SHOWN]}: {why}.")
        self.name, self.why = name, why


@dataclass(frozen=True, slots=True)
class Filter:
    """Empty fields filter nothing. `since` and `until` (in addresses `from` and `to`) are of moments, `period` is of a name.

    `status` is a number or a class such as `4xx`; costs are in USD, times in milliseconds.
    """

    period: str = ""
    since: datetime | None = None
    until: datetime | None = None
    zone: str = ""
    domain: str = ""
    model: str = ""
    account: str = ""
    client_key: str = ""
    person: str = ""
    session: str = ""
    agent: str = ""
    type: str = ""
    outcome: str = ""
    status: str = ""
    error_type: str = ""
    stop_reason: str = ""
    tool: str = ""
    min_cost_usd: Decimal | None = None
    min_duration_ms: int | None = None
    min_first_byte_ms: int | None = None

    def bounds(self, now: datetime) -> Bounds:
        """The moments that it is about."""
        if self.period:
            return periods.bounds(self.period, self.zone, now)
        return Bounds(self.since, self.until)

    @property
    def local(self) -> ZoneInfo:
        """Where its days begin."""
        return periods.zone_of(self.zone)

    @property
    def has_period(self) -> bool:
        """Whether it says from when or up to when."""
        return bool(self.period or self.since or self.until)

    def in_period(self, period: str) -> "Filter":
        """The same, in this period where it has none."""
        return self if self.has_period else replace(self, period=period)

    def adding(self, name: str, text: str) -> "Filter":
        """With the parameter of this name, in place of what it had of it; raises FilterError."""
        return replace(self, **{BY_NAME[name]: _value(name, text)})

    def without(self, name: str) -> "Filter":
        """Without the parameter of this name."""
        return replace(self, **{BY_NAME[name]: _DEFAULTS[BY_NAME[name]]})

    def only(self, names: Iterable[str]) -> "Filter":
        """Nothing but the parameters of these names."""
        return Filter(**{BY_NAME[name]: getattr(self, BY_NAME[name]) for name in names})

    def given(self) -> dict[str, str]:
        """The parameters that it has, by their names in addresses, as text."""
        values = {name: getattr(self, attribute) for name, attribute in BY_NAME.items()}
        return {name: _text(value) for name, value in values.items() if value not in ("", None)}

    def to_query(self, **more: str) -> str:
        """The query of an address, with other parameters behind."""
        return urlencode({**self.given(), **more})


def _camel(attribute: str) -> str:
    first, *rest = attribute.split("_")
    return {"since": "from", "until": "to"}.get(
        attribute, first + "".join(word.capitalize() for word in rest)
    )


# What each is about, for people.
HELP: Mapping[str, str] = {
    "period": f"One of {', '.join(periods.NAMES)}.",
    "since": "ISO 8601, UTC without a zone; what began then or later.",
    "until": "ISO 8601; what began before.",
    "zone": "Time zone of days and months, such as Europe/Berlin; REPORTING_TIME_ZONE without.",
    "domain": "A domain, or a part of its name.",
    "model": "The model that was asked for.",
    "account": "The account of the credential that paid.",
    "client_key": "The name of the client key.",
    "person": "The user's id, as the client sends it.",
    "session": "The session's id.",
    "agent": "The sub-agent's id.",
    "type": "The type of the request, such as inference.",
    "outcome": f"One of {', '.join(OUTCOMES)}.",
    "status": "A status such as 529, or a class such as 5xx.",
    "error_type": "The API's type of error, such as overloaded_error.",
    "stop_reason": "Why the model stopped, such as max_tokens.",
    "tool": "A tool that the response calls.",
    "min_cost_usd": "At least so many USD.",
    "min_duration_ms": "At least so long, in milliseconds.",
    "min_first_byte_ms": "At least so long until the first byte, in milliseconds.",
}
LABELS: Mapping[str, str] = {
    **{attribute: attribute.replace("_", " ").capitalize() for attribute in HELP},
    "since": "From",
    "until": "To",
    "zone": "Time zone",
    "min_cost_usd": "Cost from, USD",
    "min_duration_ms": "Duration from, ms",
    "min_first_byte_ms": "First byte from, ms",
}
# Names in addresses by attribute, in the order of the filter bar.
BY_NAME = {_camel(field.name): field.name for field in fields(Filter)}
_DEFAULTS: Mapping[str, Any] = {field.name: field.default for field in fields(Filter)}


def parse(given: Mapping[str, Iterable[str]], others: Iterable[str] = ()) -> Filter:
    """The filter of a query (names with all their values); `others` are parameters of the address that are no filter."""
    passed_over = set(others)
    found: dict[str, Any] = {}
    for name, values in given.items():
        if name in passed_over:
            continue
        if name == "q":
            raise FilterError(name, "texts are searched at /dashboard/search and /api/search: leave it out")
        if name not in BY_NAME:
            known = ", ".join([*BY_NAME, *sorted(passed_over)])
            raise FilterError(name, f"there is no such filter; there are {known}")
        typed = list(values)
        if len(typed) > 1:
            raise FilterError(name, f"it is given {len(typed)} times, and only one can count")
        if value := typed[0].replace("\x00", "").strip():
            found[BY_NAME[name]] = _value(name, value)
    return _checked(Filter(**found))


def _value(name: str, text: str) -> Any:
    if len(text) > LONGEST:
        raise FilterError(name, f"it is longer than {LONGEST} characters")
    try:
        return _READERS.get(name, str)(text)
    except (ValueError, InvalidOperation) as error:
        raise FilterError(name, str(error) if isinstance(error, ValueError) else "it is no amount") from error


def _checked(found: Filter) -> Filter:
    if found.period and (found.since or found.until):
        raise FilterError("period", "give it, or from and to, and not both")
    if found.since and found.until and found.since >= found.until:
        raise FilterError("to", "it is not after from")
    return found


def _moment(text: str) -> datetime:
    try:
        return moment_of(datetime.fromisoformat(text))
    except ValueError as error:
        raise ValueError("it is no moment; give one such as 2026-11-29T14:00Z") from error


def _period(text: str) -> str:
    periods.bounds(text, "", datetime.now(UTC))
    return text


def _zone(text: str) -> str:
    return periods.zone_of(text).key


def _outcome(text: str) -> str:
    if text not in OUTCOMES:
        raise ValueError(f"it is none of {', '.join(OUTCOMES)}")
    return text


def _status(text: str) -> str:
    if text.lower() in CLASSES:
        return text.lower()
    return str(_whole(text, 999))


def _whole(text: str, most: int = 2**31 - 1) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > most:
        raise ValueError(f"it is no whole number from 0 to {most}")
    return int(text)


def _amount(text: str) -> Decimal:
    amount = Decimal(text)
    if not amount.is_finite() or not 0 <= amount < 10**12:
        raise ValueError("it is no amount from 0 on")
    return amount.normalize()


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


_READERS: Mapping[str, Callable[[str], Any]] = {
    "period": _period,
    "from": _moment,
    "to": _moment,
    "zone": _zone,
    "domain": domain_of,
    "outcome": _outcome,
    "status": _status,
    "minCostUsd": _amount,
    "minDurationMs": _whole,
    "minFirstByteMs": _whole,
}
