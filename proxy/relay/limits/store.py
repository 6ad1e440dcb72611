"""Redis as the limits see it: one step each, a second's wait at most."""

import time
from collections.abc import Mapping, Sequence

import msgspec
from django.conf import settings

from accounts.access.limits import UNCHECKED_KEY
from accounts.limits import scripts as limit_scripts
from proxy.relay.limits.messages import Finding
from proxy.relay.redis_client import DOWN, StoreDown, connect

# A killed proxy's exchanges hold their slots and reservations for as long; a living one says three times as often that they run.
LEASE_SECONDS = 60
# What ended is reserved until the worker has stored it, and no longer than this.
KEEP_SECONDS = 6 * 3600
_TIMES = {"lease": LEASE_SECONDS * 1000, "keep": KEEP_SECONDS * 1000}

_findings = msgspec.json.Decoder(list[Finding]).decode

Ask = Mapping[str, object]


class LimitStore:
    """Used by one event loop. Every method raises StoreDown when Redis does not answer."""

    def __init__(self) -> None:
        self._has_address = bool(settings.REDIS_URL)
        self._redis = connect()
        self._scripts = {
            text: self._redis.register_script(text)
            for text in (limit_scripts.RESERVE, limit_scripts.RENEW, limit_scripts.FINISH)
        }

    async def reserve(self, ask: Ask) -> list[Finding]:
        """Reserve under all of its rules; what refuses, [] when it passes."""
        response = await self._run(limit_scripts.RESERVE, ask)
        return _findings(response) if response else []

    async def renew(self, held: Sequence[Ask]) -> None:
        """These exchanges still run."""
        await self._run(limit_scripts.RENEW, {"held": held})

    async def finish(self, ask: Ask) -> None:
        """Give back."""
        await self._run(limit_scripts.FINISH, ask)

    async def add_unchecked(self, count: int) -> None:
        """So many requests passed while Redis did not answer."""
        try:
            both = self._redis.pipeline()
            both.hincrby(UNCHECKED_KEY, "count", count)
            both.hset(UNCHECKED_KEY, "at", str(round(time.time())))
            await both.execute()
        except DOWN as error:
            raise StoreDown(type(error).__name__) from error

    async def close(self) -> None:
        await self._redis.aclose()

    async def _run(self, script: str, ask: Ask) -> bytes | None:
        if not self._has_address:
            raise StoreDown("REDIS_URL is not set")
        try:
            response: bytes | None = await self._scripts[script](
                args=[msgspec.json.encode({**_TIMES, **ask})]
            )
        except DOWN as error:
            raise StoreDown(type(error).__name__) from error
        return response
