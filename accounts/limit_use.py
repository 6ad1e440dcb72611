"""How much of each limit is used right now, as Redis tells it, for the people who set them."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

import redis

from accounts import redis_client
from accounts.limit_models import read_rules
from accounts.limits import UNCHECKED_KEY, Rule, redis_key, spent_key

_SECONDS = 1
RECENT = timedelta(days=1)

Unit = Literal["requests", "tokens", "streams", "usd"]


@dataclass(frozen=True, slots=True)
class Use:
    """One limit. `used` is None where Redis does not know it; money in USD, `reserved` for what is not in the sums yet."""

    of: str
    limit: str
    unit: Unit
    used: float | None
    most: float
    reserved: float = 0

    @property
    def share(self) -> float:
        """Of `most`, 1 is all of it."""
        if not self.most:
            return 1.0
        return ((self.used or 0) + self.reserved) / self.most

    @property
    def percent(self) -> str:
        return f"{self.share:.0%}"


@dataclass(frozen=True, slots=True)
class Unchecked:
    """So many requests passed because Redis did not answer; the last time that a proxy told so."""

    count: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    """Every limit."""

    uses: list[Use]
    redis_answers: bool = True
    unchecked: Unchecked | None = None


def overview() -> Overview:
    """Ask Redis; without its answer the limits are there and their use is not."""
    rules = read_rules().all()
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
    told: dict[str, str] = client.hgetall(UNCHECKED_KEY)
    return Unchecked(int(told["count"]), datetime.fromtimestamp(int(told["at"]), UTC)) if told else None


class _Reader:
    """Looks at what the scripts keep and changes nothing of it; without a client nothing is known."""

    def __init__(self, client: Any) -> None:
        self._client = client

    def uses(self, rule: Rule) -> Iterator[Use]:
        today = datetime.now(UTC).date()
        if most := rule.requests_per_minute:
            yield Use(
                rule.label, "requests per minute", "requests", self._bucket(rule, "requests", most), most
            )
        if most := rule.tokens_per_minute:
            yield Use(rule.label, "tokens per minute", "tokens", self._bucket(rule, "tokens", most), most)
        if most := rule.concurrent_streams:
            yield Use(rule.label, "at a time", "streams", self._streams(rule), most)
        yield from self._money(rule, today)

    def _bucket(self, rule: Rule, name: str, most: int) -> float | None:
        if self._client is None:
            return None
        level, at = self._client.hmget(redis_key(rule.scope, name), "level", "at")
        if level is None:
            return 0
        since = max(0.0, time.time() - float(at) / 1000)
        return round(most - min(most, float(level) + since * most / 60), 1)

    def _streams(self, rule: Rule) -> float | None:
        if self._client is None:
            return None
        return int(self._client.zcount(redis_key(rule.scope, "streams"), time.time() * 1000, "+inf"))

    def _money(self, rule: Rule, today: date) -> Iterator[Use]:
        for period, most in rule.caps:
            spent: str | None = None
            reserved = 0
            if self._client is not None:
                spent = self._client.get(spent_key(rule.scope, period, today))
                reserved = int(self._client.hget(redis_key(rule.scope, "amounts"), "total") or 0)
            used = None if spent is None else int(spent) / 1e6
            yield Use(rule.label, f"USD per {period}", "usd", used, most / 1e6, reserved / 1e6)
