"""A limiter with limits of a test's own, and exchanges that ask it."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import uuid4

import redis
from django.conf import settings

from accounts.access.decision import AccessCredential, Decision, Snapshot
from accounts.access.limits import Period, Rule, Rules, millionths, redis_key, spent_key
from proxy.record import Head
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.protocol import TARGET
from proxy.relay.http.request import RelayRequest
from proxy.relay.limits.limiter import Limiter
from proxy.relay.limits.messages import Refusal

MODEL = "claude-sonnet-4-5"  # 3 USD a million in, 3.75 written to the cache, 15 out


class Known:
    """A watcher that knows these limits."""

    def __init__(self, rules: Rules) -> None:
        self.current: Snapshot | None = Snapshot(limits=rules)


def scope() -> str:
    """One that no other test has."""
    return f"domain:{uuid4().hex}.example"


def rule(**limits: Any) -> Rule:
    return Rule(limits.pop("scope", None) or scope(), "domain a.example", **limits)


def capped(usd: str, period: Period = "day", **limits: Any) -> Rule:
    return rule(caps=((period, millionths(Decimal(usd))),), **limits)


def limiter(*rules: Rule) -> Limiter:
    return Limiter(Known(Rules(domains={rule.scope: rule for rule in rules})))  # type: ignore[arg-type]  # all it reads


def request(target: str = "/v1/messages", method: str = "POST", **body: object) -> RelayRequest:
    content = json.dumps({"model": MODEL, "max_tokens": 1000, **body}).encode()
    scope = {
        "type": "http",
        "method": method,
        "path": target,
        "query_string": b"",
        "headers": [],
        "extensions": {TARGET: target.encode()},
    }
    made = RelayRequest(scope, no_body)
    made.content = content
    return made


async def no_body() -> dict[str, Any]:
    """What a test's request would read, if it did."""
    raise AssertionError("nobody reads it")


def decision(domain: str = "a.example", *, credential: bool = False, client_key: str = "") -> Decision:
    found = AccessCredential("database", "1", "api_key", "sk-ant-api03-x") if credential else None
    return Decision(domain, (), found, client_key=client_key)


async def ask(
    door: Limiter, *rules: Rule, sent: RelayRequest | None = None
) -> tuple[Exchange, Refusal | None]:
    """An exchange that is under way unless it was refused."""
    exchange = Exchange(None, door.end)
    refused = await door.admit(rules, exchange, sent or request())
    if refused is None:
        await exchange.open(head(exchange), b"")
    return exchange, refused


def head(exchange: Exchange) -> Head:
    return Head(exchange.id, exchange.started_at, "a.example", "POST", "/v1/messages", [], "client", "")


def client() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL)


def spend(rule: Rule, usd: str, period: Period = "day") -> None:
    """As the worker tells it."""
    with client() as store:
        store.set(spent_key(rule.scope, period, datetime.now(UTC).date()), millionths(Decimal(usd)))


def reserved(rule: Rule) -> int:
    """Millionths of a USD."""
    with client() as store:
        return int(store.hget(redis_key(rule.scope, "amounts"), "total") or 0)


def level(rule: Rule, name: str) -> float:
    with client() as store:
        return float(store.hget(redis_key(rule.scope, name), "level"))


def running(rule: Rule) -> int:
    with client() as store:
        return int(store.zcard(redis_key(rule.scope, "streams")))


def age(rule: Rule, name: str, seconds: float) -> None:
    """As if that much time had passed since a bucket was last touched."""
    with client() as store:
        at = float(store.hget(redis_key(rule.scope, name), "at"))
        store.hset(redis_key(rule.scope, name), "at", str(at - seconds * 1000))
