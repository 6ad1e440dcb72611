"""Sticky sessions: which credential a session uses, and the organisation that holds its context (docs/decisions/0035).

The API drops thinking blocks of another organisation without an error, and has neither its threads nor its prompt cache.
"""

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

from accounts.access.decision import AccessCredential, Decision
from proxy.relay.background import spawn
from proxy.relay.credentials.affinity_store import AffinityKey, AffinityStore, Binding
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.credentials.updates import HealthUpdates
from proxy.relay.http.request import RelayRequest
from proxy.relay.redis_client import StoreDown

SESSION = b"x-claude-code-session-id"
MAX_SESSION = 128
MAX_SESSIONS = 10_000
# So long a process goes by what it knows of a session; another one may have moved it meanwhile.
FRESH_SECONDS = 60.0
NONE = Binding()


@dataclass(slots=True, eq=False)
class _Entry:
    """What this process knows of a session; `shared` is what Redis said last, `asking` the question that runs."""

    binding: Binding = NONE
    shared: Binding = NONE
    asks_at: float = 0.0
    asking: asyncio.Task[None] | None = None


class Affinity:
    """The bindings of sessions; used by the event loop alone. Without Redis they are this process's own."""

    def __init__(self, updates: HealthUpdates, pool: Pool, redis: SharedRedis) -> None:
        self._updates = updates
        self._pool = pool
        self._store = AffinityStore(redis)
        self._entries: OrderedDict[AffinityKey, _Entry] = OrderedDict()
        self._domains: Counter[str] = Counter()
        self._asking: set[asyncio.Task[None]] = set()

    def concerns(self, domain: str) -> bool:
        """Whether a session of this domain has a binding: the domain had several credentials at least once."""
        return domain in self._domains

    def binding(self, affinity_key: AffinityKey) -> Binding:
        """The session's, NONE for one that is not known."""
        entry = self._entries.get(affinity_key)
        return entry.binding if entry else NONE

    def bind(self, affinity_key: AffinityKey, key: str) -> None:
        """The session uses this credential from now on; what it has elsewhere stays known until this one has answered."""
        self._keep(affinity_key, Binding(key, self.binding(affinity_key).organisation))

    def is_stale(self, affinity_key: AffinityKey, now: float) -> bool:
        """Whether `share` is due before the binding counts: it is new, has changed, or is older than a minute."""
        entry = self._entries.get(affinity_key)
        return entry is not None and now >= entry.asks_at and self._store.is_up

    async def share(self, affinity_key: AffinityKey, now: float) -> None:
        """Agree with the other processes on the session's binding."""
        # One client's leaving must not end the question that others wait for.
        await asyncio.shield(self._ask(affinity_key, self._entries[affinity_key], now))

    def _ask(self, affinity_key: AffinityKey, entry: _Entry, now: float) -> "asyncio.Task[None]":
        """The question to Redis; one at a time for each session."""
        if entry.asking is None:
            entry.asking = spawn(self._agree(affinity_key, entry, now), "affinity")
            self._asking.add(entry.asking)
            entry.asking.add_done_callback(self._asking.discard)
        return entry.asking

    async def _agree(self, affinity_key: AffinityKey, entry: _Entry, now: float) -> None:
        asked = entry.binding
        try:
            kept = await self._store.swap(affinity_key, entry.shared, asked)
        except StoreDown:
            return
        finally:
            entry.asking = None
        entry.shared = kept
        if entry.binding == asked:  # else it changed meanwhile, and is shared next
            entry.binding, entry.asks_at = kept, now + FRESH_SECONDS
        if kept.organisation:
            self._updates.organisations.setdefault(kept.key, kept.organisation)

    def own(
        self, binding: Binding, pool: Sequence[AccessCredential], tried: frozenset[str], now: float
    ) -> Sequence[AccessCredential]:
        """Those of the pool that are of the binding's organisation, while one of them is worth waiting for; else none."""
        if not binding.organisation:
            return ()
        own = [
            credential
            for credential in pool
            if self._updates.organisation(credential.key) == binding.organisation
        ]
        return own if any(not self._pool.is_lost(credential, tried, now) for credential in own) else ()

    def of_owner(self, key: str) -> Binding:
        """The binding of a session that this credential has answered."""
        return Binding(key, self._updates.organisation(key))

    def answered(
        self,
        affinity_key: AffinityKey,
        credential: AccessCredential,
        pool: Sequence[AccessCredential],
        status: int,
        now: float,
    ) -> str:
        """Note who answered the session; returns the organisation that it left with this response, mostly "".

        A response to an earlier request, of a credential that the session has left meanwhile, changes nothing.
        """
        entry = self._entries.get(affinity_key)
        if entry is None or status >= 400:
            return ""
        self._entries.move_to_end(affinity_key)
        binding, found = entry.binding, Binding(credential.key, self._updates.organisation(credential.key))
        if binding == found or (
            binding.key != credential.key and self._pool.is_usable(binding.key, pool, now)
        ):
            return ""
        self._keep(affinity_key, found)
        if self._store.is_up:
            self._ask(affinity_key, entry, now)
        return binding.organisation if binding.organisation != found.organisation else ""

    async def stop(self) -> None:
        """Wait for what is being shared."""
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _keep(self, affinity_key: AffinityKey, binding: Binding) -> None:
        """Beyond MAX_PLACES the session that was longest away is forgotten."""
        entry = self._entries.get(affinity_key)
        if entry is None:
            entry = self._entries[affinity_key] = _Entry()
            self._domains[affinity_key[0]] += 1
        entry.binding, entry.asks_at = binding, 0.0
        self._entries.move_to_end(affinity_key)
        if len(self._entries) > MAX_SESSIONS:
            (domain, _), _ = self._entries.popitem(last=False)
            self._domains[domain] -= 1
            if not self._domains[domain]:
                del self._domains[domain]


def affinity_key_of(request: RelayRequest, decision: Decision) -> AffinityKey:
    """Where affinity is remembered for a request; one without a session goes to whichever credential is free."""
    return decision.domain, request.first(SESSION)[:MAX_SESSION].decode("latin-1")
