"""Redis for what processes share about the sessions of a pool: a moment's wait at most, and none while it does not answer."""

import asyncio
import logging
import time
from collections.abc import Awaitable
from typing import TypeVar

from django.conf import settings

from proxy.relay.log_limit import OncePerMinute
from proxy.relay.redis_client import DOWN, StoreDown, connect

log = logging.getLogger("nexus.pool")

Value = TypeVar("Value")
WAIT_SECONDS = 0.3
# A Redis that hangs must not hold up every session: for so long nobody asks it again.
PAUSE_SECONDS = 5.0


class SharedRedis:
    """Used by one event loop. `client` makes the commands that `ask` waits for."""

    def __init__(self) -> None:
        self.client = connect()
        self._has_address = bool(settings.REDIS_URL)
        self._asked_again_at = 0.0
        self._rarely = OncePerMinute()

    @property
    def is_up(self) -> bool:
        """Whether it is worth asking: there is a Redis, and it did not fail a moment ago."""
        return self._has_address and time.monotonic() >= self._asked_again_at

    async def ask(self, command: Awaitable[Value]) -> Value:
        """The answer to a command; raises StoreDown."""
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                return await command
        except DOWN as error:
            self.fail(error)
            raise StoreDown(type(error).__name__) from error

    def fail(self, error: Exception) -> None:
        """Leave it alone for a while, and say so once a minute."""
        self._asked_again_at = time.monotonic() + PAUSE_SECONDS
        if times := self._rarely.count():
            action = "bring Redis back; until then each process keeps the affinity of sessions by itself"
            extra = {"why": type(error).__name__, "times": times, "action": action}
            log.warning("affinity.unshared", extra=extra)

    async def close(self) -> None:
        await self.client.aclose()
