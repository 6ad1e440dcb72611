"""How much of each limit is used right now, as Redis tells it, for the people who set them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as time_of_day
from decimal import Decimal
from typing import Any, Literal

import redis

from accounts import redis_client
from accounts.access.limits import UNCHECKED_KEY, Rule, end, redis_key, spent_key
from accounts.models.limits import Limit, LimitQuerySet, read_rules

_SECONDS = 1
RECENT = timedelta(days=1)

Unit = Literal["requests", "tokens", "streams", "usd"]
_MILLION = 1_000_000
_WORDS = {
    "requests_per_minute": "requests per minute",
    "tokens_per_minute": "tokens per minute",
    "concurrent_streams": "at a time",
    "usd_per_day": "USD per day",
    "usd_per_week": "USD per week",
    "usd_per_month": "USD per month",
}


@dataclass(frozen=True, slots=True)
class Use:
    """One limit, in `unit`, money in USD to its last digit; `reserved` is what is not in the sums yet.

    `scope` and `of` say whose it is, for programs and for people; `kind` is its column in the table of limits. `used` is
    None where Redis does not know it. `resets_at` is when nothing of it is used if nobody uses it until then, None where
    that is now or nobody knows: a slot is free when its request ends.
    """

    scope: str
    of: str
    kind: str
    unit: Unit
    used: Decimal | None
    most: Decimal
    reserved: Decimal = Decimal(0)
    resets_at: datetime | None = None

    @property
    def limit(self) -> str:
        """How people call its kind."""
        return _WORDS[self.kind]

    @property
    def share(self) -> float:
        """Of `most`, 1 is all of it."""
        if not self.most:
            return 1.0
        return float(((self.used or 0) + self.reserved) / self.most)

    @property
    def used_of_most(self) -> str:
        """Such as 12.50 / 40, what is reserved with it; "?" where nobody knows."""
        if self.used is None:
            return f"? / {self.most:,f}"
        shown = f"{self.used + self.reserved:,.2f}" if self.unit == "usd" else f"{self.used:,.0f}"
        return f"{shown} / {self.most.normalize():,f}"

    @property
    def percent(self) -> str:
        return f"{self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """So many requests passed because Redis did not answer; the last time that a proxy reported so."""

    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """Every limit."""

    uses: list[Use]
    redis_answers: bool = True
    unchecked: Unchecked | None = None


def overview(limits: LimitQuerySet | None = None) -> Overview:
    """Ask Redis of these limits, by default of all; without its answer they are there and their use is not."""
    rules = read_rules(Limit.objects.in_force() if limits is None else limits).all()
    try:
        client = redis_client.client(_SECONDS)
        uses = [use for rule in rules for use in _Reader(client).uses(rule)]
        return Overview(uses, unchecked=_unchecked(client))
    except redis.RedisError:
        return Overview([use for rule in rules for use in _Reader(None).uses(rule)], redis_answers=False)


def unchecked() -> Unchecked | None:
    """What passed unchecked of late; None also while Redis does not answer."""
    try:
        found = _unchecked(redis_client.client(_SECONDS))
    except redis.RedisError:
        return None
    return found if found and datetime.now(UTC) - found.at < RECENT else None


def _unchecked(client: Any) -> Unchecked | None:
    reported: dict[str, str] = client.hgetall(UNCHECKED_KEY)
    return (
        Unchecked(int(reported["count"]), datetime.fromtimestamp(int(reported["at"]), UTC))
        if reported
        else None
    )


class _Reader:
    """Looks at what the scripts keep and changes nothing of it; without a client nothing is known."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def uses(self, rule: Rule) -> Iterator[Use]:
        yield from self._rate(rule, "requests", rule.requests_per_minute)
        yield from self._rate(rule, "tokens", rule.tokens_per_minute)
        if most := rule.concurrent_streams:
            yield Use(
                rule.scope, rule.label, "concurrent_streams", "streams", self._streams(rule), Decimal(most)
            )
        yield from self._money(rule, datetime.now(UTC).date())

    def _rate(self, rule: Rule, unit: Literal["requests", "tokens"], most: int | None) -> Iterator[Use]:
        if not most:
            return
        used = self._bucket(rule, unit, most)
        # The bucket fills evenly, all of it in a minute.
        full = datetime.now(UTC) + timedelta(minutes=float(used / most)) if used else None
        yield Use(rule.scope, rule.label, f"{unit}_per_minute", unit, used, Decimal(most), resets_at=full)

    def _bucket(self, rule: Rule, name: str, most: int) -> Decimal | None:
        if self._client is None:
            return None
        level, at = self._client.hmget(redis_key(rule.scope, name), "level", "at")
        if level is None:
            return Decimal(0)
        since = max(0.0, time.time() - float(at) / 1000)
        tenths = round(10 * (most - min(most, float(level) + since * most / 60)))
        return Decimal(tenths) / 10

    def _streams(self, rule: Rule) -> Decimal | None:
        if self._client is None:
            return None
        return Decimal(self._client.zcount(redis_key(rule.scope, "streams"), time.time() * 1000, "+inf"))

    def _money(self, rule: Rule, today: date) -> Iterator[Use]:
        for period, most in rule.caps:
            spent: str | None = None
            reserved = 0
            if self._client is not None:
                spent = self._client.get(spent_key(rule.scope, period, today))
                reserved = int(self._client.hget(redis_key(rule.scope, "amounts"), "total") or 0)
            yield Use(
                rule.scope,
                rule.label,
                f"usd_per_{period}",
                "usd",
                None if spent is None else _usd(int(spent)),
                _usd(most),
                _usd(reserved),
                datetime.combine(end(period, today), time_of_day.min, UTC),
            )


def _usd(millionths: int) -> Decimal:
    return Decimal(millionths) / _MILLION
