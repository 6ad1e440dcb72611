"""Several credentials of one domain: which one a request is paid with, as far as this process knows (docs/decisions/0023).

A session stays with its credential (affinity.py) while that is well; others go where most is left.
"""

import logging
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping

from httpx import Headers

from accounts.access.decision import AccessCredential
from accounts.credentials.health import Health
from proxy.relay.credentials.circuit_breaker import CircuitBreaker
from proxy.relay.credentials.outcome import REFUSED
from proxy.relay.credentials.updates import HealthUpdates
from proxy.wire.rate_limits import used_share

log = logging.getLogger("nexus.pool")
# A session waits for so long for a credential that is at its limit: clients do not retry later than that.
PATIENCE_SECONDS = 60.0


class Pool:
    """Used by the event loop alone. Credentials differ by `AccessCredential.key`."""

    def __init__(self, updates: HealthUpdates) -> None:
        self._updates = updates
        self._breakers: defaultdict[str, CircuitBreaker] = defaultdict(CircuitBreaker)

    def choose(self, kept: str, able: Iterable[AccessCredential], now: float) -> AccessCredential | None:
        """The one to ask now, the session's own (`kept`) before others; None where all cool down or are being probed."""
        ready = [credential for credential in able if self._breakers[credential.key].is_ready(now)]
        if not ready:
            return None
        chosen = next((credential for credential in ready if credential.key == kept), None)
        if chosen is None:
            chosen = min(
                ready, key=lambda credential: used_share(self._updates.gauges_of(credential.key), now)
            )
        return chosen

    def is_lost(self, credential: AccessCredential, tried: frozenset[str], now: float) -> bool:
        """Whether a session need not wait for it: it is dead, or cools down for longer than clients wait."""
        breaker = self._breakers[credential.key]
        if not breaker.is_cooling(now):
            return credential.key in tried
        return breaker.reason == REFUSED or breaker.until - now > PATIENCE_SECONDS

    def is_usable(self, key: str, able: Iterable[AccessCredential], now: float) -> bool:
        """Whether it is one of these and does not cool down."""
        return any(credential.key == key for credential in able) and not self._breakers[key].is_cooling(now)

    def half_open(self, credential: AccessCredential) -> CircuitBreaker | None:
        """Its circuit breaker if its cool-down is over and nothing was heard of it since, so that asking it is a probe."""
        breaker = self._breakers[credential.key]
        return breaker if breaker.until else None

    def ask(self, credential: AccessCredential, now: float) -> None:
        """A request goes upstream with it."""
        self._breakers[credential.key].ask(now)

    def probed(self, able: Iterable[AccessCredential], now: float) -> CircuitBreaker | None:
        """One that a request probes at this moment, the one that holds up others for the shortest time."""
        running = [breaker for breaker in self._of(able) if breaker.is_probed(now)]
        return min(running, key=lambda breaker: breaker.probe_ends, default=None)

    def cooling(self, able: Iterable[AccessCredential], now: float) -> list[CircuitBreaker]:
        """Those that cool down, the one that is back first before the others."""
        return sorted(
            (breaker for breaker in self._of(able) if breaker.is_cooling(now)),
            key=lambda breaker: breaker.until,
        )

    def passed_over(self, able: Iterable[AccessCredential], tried: frozenset[str], now: float) -> list[str]:
        """Those that cool down, as "name (reason)", and the names of those that were tried."""
        return [
            f"{credential.name} ({breaker.reason})" if breaker.is_cooling(now) else credential.name
            for credential in able
            if (breaker := self._breakers[credential.key]).is_cooling(now) or credential.key in tried
        ]

    def failed(self, credential: AccessCredential, reason: str, until: float | None, sent_at: float) -> None:
        """A request sent at `sent_at` was refused because of the credential; `until` is when the API wants to be asked again."""
        breaker, now = self._breakers[credential.key], time.time()
        begins = breaker.cool(now, until, reason, sent_at)
        self._updates.cooling(credential.key, breaker.until, breaker.reason)
        if begins:
            seconds = round(breaker.until - now, 1)
            log.warning(
                "pool.cooling", extra={"credential": credential.name, "reason": reason, "seconds": seconds}
            )

    def answered(self, credential: AccessCredential, status: int, headers: Headers, sent_at: float) -> None:
        """The API answered; an error of its own says nothing of the credential."""
        self._updates.learn(credential.key, headers)
        breaker = self._breakers[credential.key]
        if status >= 500 or status == 403:
            breaker.neither()
        elif breaker.succeed(sent_at):
            self._updates.recovered(credential.key)
            log.info("pool.recovered", extra={"credential": credential.name, "by": "an answer"})

    def adopt(self, reported: Mapping[str, Health], now: float) -> None:
        """Take over what all processes and operators reported; what this one has yet to report is newer."""
        for key, health in reported.items():
            if health.gauges:
                self._updates.gauges[key] = dict(health.gauges)
            if health.organisation:
                self._updates.organisations[key] = health.organisation
            breaker = self._breakers[key]
            if self._updates.concerns(key):
                continue
            if health.cooling_until:
                breaker.adopt(health.cooling_until, health.cooling_reason, now)
            elif breaker.until:
                breaker.recover()
                log.info("pool.recovered", extra={"credential": key, "by": "another process or an operator"})

    def _of(self, able: Iterable[AccessCredential]) -> list[CircuitBreaker]:
        return [self._breakers[credential.key] for credential in able]
