"""Share how credentials fare with all processes and operators: two round trips to Redis a second, none awaited by a request."""

import asyncio
import logging
import time

import redis
from django.conf import settings

from accounts.access.decision import Snapshot
from accounts.credentials import health as credential_health
from accounts.snapshot.watcher import Watcher
from proxy.relay.background import spawn
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.updates import HealthUpdates

log = logging.getLogger("nexus.pool")

INTERVAL_SECONDS = 0.5


class HealthSharing:
    """Shares the updates and lets the pool adopt those of others. Without Redis each process goes on with what it knows itself."""

    def __init__(self, watcher: Watcher, updates: HealthUpdates, pool: Pool) -> None:
        self._watcher = watcher
        self._updates = updates
        self._pool = pool
        self._seen: Snapshot | None = None
        self._wanted: tuple[str, ...] = ()
        self._down = False
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        if settings.REDIS_URL:
            self._task = spawn(self._run(), "credential-health")

    async def stop(self) -> None:
        """Tell what there is to tell and end."""
        self._ending.set()
        if self._task:
            await self._task

    async def share(self) -> None:
        """Once, now. The round trip runs in a thread: a Redis that hangs must hold up nobody."""
        changes, wanted = self._updates.take(), self._members()
        if not settings.REDIS_URL or not (changes or wanted):
            return
        try:
            reported = await asyncio.to_thread(credential_health.exchange, changes, wanted)
            self._pool.adopt(reported, time.time())
            self._down = False
        except redis.RedisError as error:
            self._updates.give_back(changes)
            if not self._down:
                action = "bring Redis back; until then each process cools down by itself"
                log.warning("pool.unshared", extra={"why": type(error).__name__, "action": action})
            self._down = True
        except Exception:  # the outermost door of this task: without it a bug would end all sharing
            log.exception("pool.sharing_failed")

    def _members(self) -> tuple[str, ...]:
        """The keys of all credentials that are not the only one of their domain."""
        snapshot = self._watcher.current
        if snapshot is not None and snapshot is not self._seen:
            domains = [
                access.credentials for access in snapshot.domains.values() if len(access.credentials) > 1
            ]
            self._seen, self._wanted = (
                snapshot,
                tuple(credential.key for credentials in domains for credential in credentials),
            )
        return self._wanted

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self.share()
            try:
                async with asyncio.timeout(INTERVAL_SECONDS):
                    await self._ending.wait()
            except TimeoutError:
                pass
        await self.share()
