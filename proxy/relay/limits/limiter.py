"""Limits at the door: reserve before a request goes upstream, give back when it has ended (decision 0021).

A request that no limit is for costs a look into two dictionaries. Without an answer of Redis requests pass, and are counted.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from django.conf import settings

from accounts.access.decision import Decision
from accounts.access.limits import Rule, millionths, spent_key
from accounts.snapshot.watcher import Watcher
from proxy import record
from proxy.relay.background import spawn
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.request import RelayRequest
from proxy.relay.limits.messages import Refusal, refusal
from proxy.relay.limits.prices import DoorPrices
from proxy.relay.limits.store import LEASE_SECONDS, LimitStore
from proxy.relay.redis_client import StoreDown
from proxy.wire.billing.estimate import Estimate, estimate, limit_usd, unreported_output
from proxy.wire.billing.price_book import PriceBook
from proxy.wire.billing.usage import merge
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.limits")

RENEW_SECONDS = LEASE_SECONDS / 3
# A Redis that hangs must not hold up every request: for so long nobody asks it again.
PAUSE_SECONDS = 1.0
EXEMPT = "/v1/messages/count_tokens"


@dataclass(frozen=True, slots=True)
class Hold:
    """What one exchange has reserved."""

    id: str
    rules: tuple[Rule, ...]
    estimate: Estimate

    def ask(self) -> dict[str, Any]:
        """As the scripts read it."""
        return {
            "id": self.id,
            "tokens": self.estimate.tokens,
            "billed": self.estimate.billed,
            "amount": millionths(self.estimate.usd),
            "rules": [_of_script(rule) for rule in self.rules],
        }


class Limiter:
    """One process's door; used by its event loop alone."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._held: dict[str, Hold] = {}
        self._store = LimitStore()
        self._prices = DoorPrices()
        self._renewal: asyncio.Task[None] | None = None
        self._ending: set[asyncio.Task[None]] = set()
        self._down = False
        self._asks_again_at = 0.0
        self._unchecked = 0

    def rules(self, decision: Decision, request: RelayRequest) -> tuple[Rule, ...]:
        """The limits that hold for a request, mostly none."""
        snapshot = self._watcher.current
        if not snapshot or not snapshot.limits or request.target.partition("?")[0] == EXEMPT:
            return ()
        known = decision.credential is not None or bool(decision.client_key)
        return snapshot.limits.of(decision.tenant or decision.domain, decision.client_key, known=known)

    async def admit(
        self, rules: tuple[Rule, ...], exchange: Exchange, request: RelayRequest
    ) -> Refusal | None:
        """Reserve for an exchange under all these rules, or say why not. `end` gives back."""
        now = datetime.now(UTC)
        book = self._prices.book(self._watcher.current)
        guess = estimate(request.method or "GET", request.target, request.content, now, book)
        # Before the wait: a client that leaves meanwhile gives back what may have been reserved.
        hold = self._held[exchange.id] = Hold(exchange.id, rules, guess)
        try:
            findings = await self._asked(hold)
        except StoreDown as down:
            del self._held[exchange.id]
            return self._without_redis(down)
        if findings:
            del self._held[exchange.id]
            return refusal(rules, findings, now)
        if self._renewal is None or self._renewal.done():
            self._renewal = spawn(self._renew_while_held(), "limits-renewal")
        return None

    async def grow(self, exchange: Exchange, request: RelayRequest, data: bytes) -> Refusal | None:
        """Reserve for the next bytes of an admitted request that is still arriving, or say why not."""
        hold = self._held.get(exchange.id)
        if hold is None or not hold.estimate.billed:
            return None
        now, book = datetime.now(UTC), self._prices.book(self._watcher.current)
        more = estimate(request.method or "GET", request.target, data, now, book)
        grown = replace(hold, estimate=hold.estimate.plus(more))
        try:
            findings = await self._asked(grown, before=hold.estimate.tokens)
        except StoreDown as down:
            return self._without_redis(down)
        if findings:
            return refusal(hold.rules, findings, now)
        if exchange.id in self._held:  # else it has ended meanwhile
            self._held[exchange.id] = grown
        return None

    def end(self, exchange: Exchange) -> None:
        """An exchange has its outcome; runs for each one, limited or not."""
        if hold := self._held.pop(exchange.id, None):
            self._later(self._give_back(hold, exchange), "limits-end")

    async def renew(self) -> None:
        """Say that what is held still runs."""
        try:
            await self._store.renew([hold.ask() for hold in self._held.values()])
        except StoreDown as down:
            log.info("limits.not_renewed", extra={"held": len(self._held), "why": str(down)})

    async def stop(self) -> None:
        """Give back what just ended, and leave Redis."""
        if self._renewal:
            self._renewal.cancel()
        await asyncio.gather(*self._ending, return_exceptions=True)
        await self._store.close()

    async def _asked(self, hold: Hold, **more: int) -> list[Any]:
        if time.monotonic() < self._asks_again_at:
            raise StoreDown("it did not answer a moment ago")
        try:
            findings = await self._store.reserve(hold.ask() | more)
        except StoreDown:
            self._asks_again_at = time.monotonic() + PAUSE_SECONDS
            raise
        self._down = False
        if self._unchecked:
            self._later(self._report_unchecked(), "limits-unchecked")
        return list(findings)

    def _without_redis(self, down: StoreDown) -> Refusal | None:
        passes = not settings.LIMITS_FAIL_CLOSED
        if not self._down:
            log.warning("limits.redis_down", extra={"why": str(down), "requests_pass": passes})
        self._down = True
        if passes:
            self._unchecked += 1
            return None
        message = (
            "Nexus cannot check the limits of this request, because its Redis does not answer. Try again in a few seconds, and "
            "tell its operator if it persists."
        )
        return Refusal(ErrorKind.UNAVAILABLE, message, [])

    async def _report_unchecked(self) -> None:
        """Redis answers again and learns what passed without it."""
        count, self._unchecked = self._unchecked, 0
        try:
            await self._store.add_unchecked(count)
        except StoreDown:
            self._unchecked += count

    async def _give_back(self, hold: Hold, exchange: Exchange) -> None:
        try:
            book = self._prices.book(self._watcher.current)
            await self._store.finish(hold.ask() | outcome(exchange, hold.estimate, book))
        except StoreDown as down:
            # Its lease ends by itself.
            log.info("limits.not_given_back", extra={"exchange": hold.id, "why": str(down)})

    async def _renew_while_held(self) -> None:
        while self._held:
            await asyncio.sleep(RENEW_SECONDS)
            await self.renew()

    def _later(self, work: Coroutine[Any, Any, None], name: str) -> None:
        task = spawn(work, name)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)


def outcome(exchange: Exchange, guess: Estimate, book: PriceBook) -> dict[str, object]:
    """What becomes of the estimate: nothing after a failure, else what the response reported, else the estimate itself."""
    # Without a domain it was not even opened: its client left while Redis was asked.
    if exchange.outcome == record.REFUSED or exchange.status >= 400 or not exchange.domain:
        return {"failed": True, "used": 0}
    seen = exchange.sniffer
    usage = merge(seen.usage)
    if not any(usage.counts):
        return {}
    missing = 0
    if exchange.outcome != record.COMPLETE:
        missing = unreported_output(
            usage.output_tokens, guess.output_tokens, exchange.seconds_since_first_byte
        )
    cost = limit_usd(usage, seen.model or exchange.model, datetime.now(UTC), book, missing_output=missing)
    return {"used": usage.total_tokens + usage.cache_write_tokens + missing, "amount": millionths(cost)}


def _of_script(rule: Rule) -> dict[str, object]:
    most = {
        "requests": rule.requests_per_minute,
        "tokens": rule.tokens_per_minute,
        "streams": rule.concurrent_streams,
    }
    today = datetime.now(UTC).date()
    return {
        "scope": rule.scope,
        "caps": [{"key": spent_key(rule.scope, period, today), "most": cap} for period, cap in rule.caps],
        **{name: value for name, value in most.items() if value},
    }
