"""Choose a credential of a pool for one request: by the session's affinity, and by how credentials fare.

After a cool-down one request probes; the others take another credential or wait for the outcome.
"""

import asyncio
import time
from collections.abc import Sequence
from uuid import uuid4

from django.conf import settings

from accounts.access.decision import AccessCredential, Decision
from accounts.credentials.health import claim_probe, release_probe
from proxy.relay.background import spawn
from proxy.relay.credentials.affinity import Affinity, affinity_key_of
from proxy.relay.credentials.affinity_store import AffinityKey, Binding
from proxy.relay.credentials.circuit_breaker import PROBE_SECONDS, CircuitBreaker
from proxy.relay.credentials.outcome import LIMITED, OVERLOADED, UNREACHABLE
from proxy.relay.credentials.pool import Pool
from proxy.relay.http.refusal import Refused, retry_after, whole_seconds
from proxy.relay.http.request import RelayRequest
from proxy.wire.errors import ErrorKind

NOBODY_TRIED: frozenset[str] = frozenset()
# The worst that befell the credentials decides what the client reads.
_KINDS = (
    (LIMITED, ErrorKind.RATE_LIMIT),
    (OVERLOADED, ErrorKind.OVERLOADED),
    (UNREACHABLE, ErrorKind.UPSTREAM_FAILED),
)


class Chooser:
    """`choose`, then `paid_with` or `exhausted`; `release` in the end in every case."""

    def __init__(self, pool: Pool, affinity: Affinity) -> None:
        self._pool = pool
        self._affinity = affinity
        self._process = uuid4().hex
        # What each request probes: credentials by the end of their cool-down.
        self._probes: dict[RelayRequest, dict[AccessCredential, float]] = {}
        self._owners: dict[RelayRequest, str] = {}

    async def choose(
        self, request: RelayRequest, decision: Decision, tried: frozenset[str] = NOBODY_TRIED
    ) -> AccessCredential | None:
        """The credential to ask, once the outcome of a probe is known where others have none to offer; None when none is ready."""
        affinity_key = affinity_key_of(request, decision)
        while True:
            now = time.time()
            if self._affinity.is_stale(affinity_key, now):
                await self._affinity.share(affinity_key, now)
            binding, scope = self._may_use(request, affinity_key, decision, tried, now)
            able = [credential for credential in scope if credential.key not in tried] if tried else scope
            chosen = self._pool.choose(binding.key, able, now)
            if chosen is None:
                probe = self._pool.probed(able, now)
                if probe is None:
                    return None
                await probe.outcome(now)
            elif self._moves(request, affinity_key, binding, chosen) and not self._is_kept(
                binding.key, decision, tried, now
            ):
                self._affinity.bind(
                    affinity_key, chosen.key
                )  # and look again: other processes may know better
            elif (half_open := self._pool.half_open(chosen)) is None or await self._claimed(
                request, chosen, half_open, now
            ):
                return chosen

    def is_of(self, request: RelayRequest, key: str) -> None:
        """The request names an id that this credential gave."""
        self._owners[request] = key

    def _may_use(
        self,
        request: RelayRequest,
        affinity_key: AffinityKey,
        decision: Decision,
        tried: frozenset[str],
        now: float,
    ) -> tuple[Binding, Sequence[AccessCredential]]:
        """What binds the request, the ids that it names before its session, and the credentials that it may use."""
        if owner := self._owners.get(request):
            binding = self._affinity.of_owner(owner)
            if own := self._affinity.own(binding, decision.pool, tried, now):
                return binding, own
        binding = self._affinity.binding(affinity_key)
        return binding, self._affinity.own(binding, decision.pool, tried, now) or decision.pool

    def _moves(
        self, request: RelayRequest, affinity_key: AffinityKey, binding: Binding, chosen: AccessCredential
    ) -> bool:
        """Whether the session is bound to this choice from now on; an id of another account moves none that has a binding."""
        session = self._affinity.binding(affinity_key)
        by_id = request in self._owners and session.key and session != binding
        return bool(affinity_key[1]) and chosen.key != session.key and not by_id

    def _is_kept(self, key: str, decision: Decision, tried: frozenset[str], now: float) -> bool:
        """One that was refused, and may be well, keeps its sessions until the API takes another one for the same request."""
        return key in tried and self._pool.is_usable(key, decision.pool, now)

    def scope(
        self, request: RelayRequest, decision: Decision, tried: frozenset[str] = NOBODY_TRIED
    ) -> Sequence[AccessCredential]:
        """Those of the pool that the request may use at this moment."""
        affinity_key = affinity_key_of(request, decision)
        return self._may_use(request, affinity_key, decision, tried, time.time())[1]

    async def _claimed(
        self, request: RelayRequest, credential: AccessCredential, breaker: CircuitBreaker, now: float
    ) -> bool:
        """Whether this request probes it; where another process does, it is looked again in a moment."""
        until, claimed = breaker.until, True
        breaker.ask(now)  # this process's other requests wait meanwhile
        try:
            claimed = not settings.REDIS_URL or await asyncio.to_thread(
                claim_probe, credential.key, until, self._process, PROBE_SECONDS
            )
        finally:
            if claimed:
                self._probes.setdefault(request, {})[credential] = until
                breaker.neither()
            else:
                breaker.probed_elsewhere(time.time())
        return claimed and not breaker.is_cooling(time.time())  # others may have reported it meanwhile

    def release(self, request: RelayRequest) -> None:
        """It was answered, or never will be: where that said nothing of what it probed, the next request of any process probes.

        What it did say is shared with all (health.py), and the claim is over with the cool-down that it is named after.
        """
        self._owners.pop(request, None)
        for credential, until in self._probes.pop(request, {}).items():
            breaker = self._pool.half_open(credential)
            if breaker and breaker.until == until:
                breaker.neither()
                if settings.REDIS_URL:
                    reporting = asyncio.to_thread(release_probe, credential.key, until, self._process)
                    spawn(reporting, "probe-release")

    def paid_with(
        self, decision: Decision, credential: AccessCredential, tried: frozenset[str] = NOBODY_TRIED
    ) -> Decision:
        """The decision with this credential, which is going to be asked; the others that cool down or failed are named."""
        now = time.time()
        self._pool.ask(credential, now)
        return decision.paid_with(credential, self._pool.passed_over(decision.pool, tried, now))

    def limited(self, request: RelayRequest, decision: Decision, tried: frozenset[str]) -> Refused | None:
        """How a request is refused for which no other credential is ready, where some are at their limit."""
        scope = self.scope(request, decision, tried)
        if any(breaker.reason == LIMITED for breaker in self._pool.cooling(scope, time.time())):
            return self.exhausted(decision, scope)
        return None

    def exhausted(self, decision: Decision, scope: Sequence[AccessCredential]) -> Refused:
        """No credential that the request may use is ready: the response names the earliest end of their cool-downs."""
        now = time.time()
        cooling = self._pool.cooling(scope, now)
        seconds = whole_seconds(cooling[0].until - now if cooling else 0)
        reasons = {breaker.reason for breaker in cooling}
        kind = next((kind for reason, kind in _KINDS if reason in reasons), ErrorKind.RATE_LIMIT)
        why = ", ".join(sorted(reasons))
        if len(scope) < len(decision.pool):
            message = (
                f"The credential that this session uses for {decision.domain} cools down ({why}). Try again in {seconds} s: with "
                "one of another organisation the session would lose its thinking, its threads and its cache."
            )
        else:
            message = (
                f"All credentials that Nexus has for {decision.domain} cool down ({why}). "
                f"Try again in {seconds} s, or ask the operator to add a credential or to end a cool-down."
            )
        names = (*decision.passed_over, *self._pool.passed_over(decision.pool, NOBODY_TRIED, now))
        return Refused(kind, message, decision.domain, [retry_after(seconds)], tuple(dict.fromkeys(names)))
