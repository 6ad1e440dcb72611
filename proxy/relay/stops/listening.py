"""Hear of stops by Redis."""

from contextlib import suppress

import msgspec
from redis.asyncio.client import PubSub

from accounts.access.stops import Stop
from proxy.relay.redis_client import DOWN, connect

CHANNEL = "nexus:stops"

_decode = msgspec.json.Decoder(Stop).decode


class Listener:
    """A subscription that is made anew after each failure: what was said meanwhile is in the access snapshot."""

    def __init__(self) -> None:
        self._redis = connect()
        self._pubsub: PubSub | None = None

    async def next(self, seconds: float) -> Stop | None:
        """The next stop that is announced, None after so many seconds. Raises one of DOWN."""
        try:
            if self._pubsub is None:
                self._pubsub = self._redis.pubsub(ignore_subscribe_messages=True)
                await self._pubsub.subscribe(CHANNEL)
            message = await self._pubsub.get_message(timeout=seconds)
        except DOWN:
            await self._forget()
            raise
        return _decode(message["data"]) if message else None

    async def _forget(self) -> None:
        pubsub, self._pubsub = self._pubsub, None
        if pubsub:
            with suppress(*DOWN):
                await pubsub.aclose()  # type: ignore[no-untyped-call]  # redis has no type for it

    async def close(self) -> None:
        await self._forget()
        await self._redis.aclose()
