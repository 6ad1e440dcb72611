"""Limits as the proxy and the worker see them: which ones hold for a request, and when a day, week or month begins. Pure.

Days, weeks (from Monday) and months are those of UTC, as the API bills. Money is in millionths of a USD, in whole numbers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_CEILING, Decimal
from typing import Literal

Period = Literal["day", "week", "month"]
PERIODS: tuple[Period, ...] = ("day", "week", "month")
ORGANISATION = "organisation"
KEY_PREFIX = "nexus:limits:"
UNCHECKED_KEY = "nexus:limits:unchecked"
_MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """What one scope may use; None is no limit. `caps` hold a period and the most that may be spent in it, in millionths.

    `scope` is `organisation`, `domain:<name>` or `key:<primary key>`; `label` is how messages call it.
    """

    scope: str
    label: str
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent_streams: int | None = None
    caps: tuple[tuple[Period, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Rules:
    """Every limit of Nexus, by what it is of: a domain's name, a client key's reference."""

    organisation: Rule | None = None
    domains: Mapping[str, Rule] = field(default_factory=dict)
    client_keys: Mapping[str, Rule] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.organisation or self.domains or self.client_keys)

    def all(self) -> list[Rule]:
        """Each one, the widest first."""
        first = [self.organisation] if self.organisation else []
        return [*first, *self.domains.values(), *self.client_keys.values()]

    def of(self, domain: str, client_key: str, *, known: bool) -> tuple[Rule, ...]:
        """Those that hold for a request. It is `known` if an operator's credential pays or a client key came along.

        A stranger who pays with a key of its own must not use up what the organisation may use.
        """
        organisation = self.organisation if known else None
        found = (organisation, self.domains.get(domain), self.client_keys.get(client_key))
        return tuple(rule for rule in found if rule)


def domain_scope(name: str) -> str:
    return f"domain:{name}"


def key_scope(reference: str) -> str:
    return f"key:{reference}"


def begin(period: Period, today: date) -> date:
    """The first day of the period that `today` lies in."""
    if period == "day":
        return today
    return today - timedelta(days=today.weekday()) if period == "week" else today.replace(day=1)


def end(period: Period, today: date) -> date:
    """The first day of the period after that."""
    start = begin(period, today)
    if period == "month":
        return (start + timedelta(days=31)).replace(day=1)
    return start + timedelta(days=1 if period == "day" else 7)


def redis_key(scope: str, name: str) -> str:
    """Where Redis keeps one thing about a scope."""
    return f"{KEY_PREFIX}{scope}:{name}"


def spent_key(scope: str, period: Period, today: date) -> str:
    """Where Redis keeps what was spent in the period that `today` lies in: a copy of the database's sum."""
    return redis_key(scope, f"spent:{period}:{begin(period, today)}")


def millionths(usd: Decimal) -> int:
    """Rounded up, so that a sum is never reported too low."""
    return int((usd * _MILLION).to_integral_value(ROUND_CEILING))


def dollars(amount: int) -> str:
    """$12.34; below a dollar four decimals."""
    usd = Decimal(amount) / _MILLION
    return f"${usd:.4f}" if 0 < usd < 1 else f"${usd:.2f}"
