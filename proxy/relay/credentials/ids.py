"""Which credential gave an id: a thread, container, file or credit is known to its account alone (docs/decisions/0035).

Looked up among the ids of the same domain only. Redis holds `nexus:id:<digest of domain and id>`, never an id in clear: a fallback
credit is worth money.
"""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Sequence
from hashlib import sha256

from accounts.access.decision import Decision
from proxy.relay.background import spawn
from proxy.relay.credentials.shared_redis import SharedRedis
from proxy.relay.redis_client import StoreDown
from proxy.wire.ids import FOREVER, given

MAX_IDS = 10_000
# Ids are shared together: one by one they would cost more than the responses that gave them.
SHARE_SECONDS = 0.2
FORGETTING_SECONDS = 2.0  # until Redis knows it
# One command for all: of a pipeline each one would cost three times as much.
_KEEP = """
for place, name in ipairs(KEYS) do
    local credential, seconds = ARGV[2 * place - 1], ARGV[2 * place]
    if credential == '' then redis.call('DEL', name)
    elseif seconds == '0' then redis.call('SET', name, credential)
    else redis.call('SET', name, credential, 'EX', seconds) end
end
"""


class Ids:
    """The ids that responses gave; used by the event loop alone. Without Redis they are this process's own."""

    def __init__(self, redis: SharedRedis) -> None:
        self._redis = redis
        self._keep = redis.client.register_script(_KEEP)
        # By name in Redis: the credential (its key, "" for a deleted file) and the end in epoch seconds, or FOREVER.
        self._known: OrderedDict[str, tuple[str, float]] = OrderedDict()
        # What responses said and nobody has read yet: domain, credential, ends, epoch seconds. Read together, it costs half.
        self._unread: list[tuple[str, str, bytes, float]] = []
        self._unshared: dict[str, tuple[str, float]] = {}
        self._sharing: asyncio.Task[None] | None = None

    def learn(self, domain: str, key: str, ends: bytes) -> None:
        """A credential of this domain gave a response that begins and ends with these bytes."""
        self._unread.append((domain, key, ends, time.time()))
        if not self._redis.is_up:
            self._read()
        elif self._sharing is None:
            self._sharing = spawn(self._share_soon(), "ids")

    def forget(self, domain: str, value: bytes) -> None:
        """It was deleted."""
        self._read()  # what is noted last counts
        self._note(_name(domain, value), "", time.time() + FORGETTING_SECONDS)

    async def owner(self, domain: str, values: Sequence[bytes]) -> str:
        """The credential that gave the first of these ids that is known, "" where none is."""
        self._read()
        unknown, now = [], time.time()
        for name in (_name(domain, value) for value in values):
            key, until = self._known.get(name, ("", now))
            if until != FOREVER and until <= now:
                unknown.append(name)
            elif key:
                return key
        if not unknown or not self._redis.is_up:
            return ""
        try:
            found = await self._redis.ask(self._redis.client.mget(unknown))
        except StoreDown:
            return ""
        return next((key.decode() for key in found if isinstance(key, bytes)), "")

    async def stop(self) -> None:
        """Share what is left to share."""
        if self._sharing:
            self._sharing.cancel()
            self._read()
        await self._share()

    def _read(self) -> None:
        """Note the ids of the responses that came since the last time."""
        unread, self._unread = self._unread, []
        for domain, key, ends, answered_at in unread:
            for value, seconds in given(ends):
                self._note(_name(domain, value), key, answered_at + seconds if seconds else FOREVER)

    def _note(self, name: str, key: str, until: float) -> None:
        self._known[name] = self._unshared[name] = key, until
        self._known.move_to_end(name)
        if len(self._known) > MAX_IDS:
            self._known.popitem(last=False)
        if self._sharing is None and self._redis.is_up:
            self._sharing = spawn(self._share_soon(), "ids")
        elif not self._redis.is_up:
            self._unshared.clear()  # what cannot be shared is not kept for later

    async def _share_soon(self) -> None:
        await asyncio.sleep(SHARE_SECONDS)
        self._read()
        self._sharing = None
        await self._share()

    async def _share(self) -> None:
        unshared, self._unshared, now = self._unshared, {}, time.time()
        if not unshared:
            return
        args: list[str | int] = []
        for key, until in unshared.values():
            args += (key, 0 if until == FOREVER else max(1, round(until - now)))
        try:
            await self._redis.ask(self._keep(keys=list(unshared), args=args))
        except StoreDown:
            pass  # this process knows them


def scope_of(decision: Decision) -> str:
    """Whose ids a request may know: those of the domain whose credentials pay for it."""
    return decision.tenant or decision.domain


def _name(domain: str, value: bytes) -> str:
    return f"nexus:id:{sha256(domain.encode() + bytes(1) + value).hexdigest()[:40]}"
