"""Tell open pages what is running: at most every 100 ms, one message for all that changed, never awaited by a request.

While no page is open nothing is reported, as to look at five hundred streams each time takes milliseconds of theirs.
"""

import asyncio
import logging

from channels.layers import get_channel_layer
from django.conf import settings
from redis.asyncio import Redis

from proxy.live_events import ASKED_KEY, GROUP, REDIS_CHANNEL, REPEAT_SECONDS, Event, message
from proxy.relay.background import spawn
from proxy.relay.capture.exchange import Exchange

log = logging.getLogger("nexus.live")

INTERVAL_SECONDS = 0.1
LOOK_SECONDS = 0.5  # until somebody who opens a page hears of what runs, at most
MAX_EVENTS = 500  # of each kind in a message; the others are reported with the next one


class LivePublisher:
    """Knows the exchanges in flight; losing an event is harmless, as every event is only a hint."""

    def __init__(self) -> None:
        self.running: dict[str, Exchange] = {}
        self._reported: dict[str, int] = {}
        self._ended: list[Event] = []
        self._layer = get_channel_layer()
        # Until it has looked: better a message that nobody hears than one that somebody misses.
        self._watched = self._layer is not None
        self._next_look = 0.0
        self._next_repeat = 0.0
        self._asked: bytes | str | None = None
        self._redis = Redis.from_url(
            settings.REDIS_URL or "redis://", socket_timeout=1, socket_connect_timeout=1
        )
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def begin(self, exchange: Exchange) -> None:
        self.running[exchange.id] = exchange

    def end(self, exchange: Exchange) -> None:
        self._reported.pop(exchange.id, None)
        if self.running.pop(exchange.id, None) and self._watched:
            self._ended.append(exchange.event("ended"))
            del self._ended[:-MAX_EVENTS]

    def start(self) -> None:
        if self._layer:
            self._task = spawn(self._publish(), "live-publisher")

    async def stop(self) -> None:
        self._ending = True
        if self._task:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._redis.aclose()

    def changes(self) -> list[Event]:
        """What to tell now: exchanges that ended, that are new, or that received bytes since the last time."""
        events, self._ended = self._ended, []
        changed = [stream for stream in self.running.values() if self._reported.get(stream.id) != stream.size]
        for exchange in changed[:MAX_EVENTS]:
            self._reported[exchange.id] = exchange.size
            self.running[exchange.id] = self.running.pop(
                exchange.id
            )  # to the end: the others are reported first
            events.append(exchange.event("running"))
        return events

    async def _publish(self) -> None:
        down = False
        # A Redis client can swallow a cancellation, so that alone does not end the loop.
        while not self._ending:
            await asyncio.sleep(INTERVAL_SECONDS if self._watched else LOOK_SECONDS)
            try:
                await self._look(asyncio.get_running_loop().time())
                if self._watched and (events := self.changes()):
                    await self._layer.group_send(GROUP, message(events))
                down = False
            except Exception as error:  # the outermost door of a hint: whatever ails Redis, traffic goes on
                if not down:
                    log.warning("live.unreachable", extra={"why": type(error).__name__})
                down = True

    async def _look(self, now: float) -> None:
        """Whether somebody listens; who just began to, or asks for it, hears of all that runs. Raises redis.RedisError."""
        if self._watched and now < self._next_look:
            return
        self._next_look = now + LOOK_SECONDS
        [(_, watchers)] = await self._redis.pubsub_numsub(REDIS_CHANNEL)
        if bool(watchers) != self._watched:
            self._watched = bool(watchers)
            self._reported.clear()
            self._ended.clear()
        elif now >= self._next_repeat:
            # A page that is opened beside others hears of exchanges too that are silent for long.
            self._reported.clear()
            self._next_repeat = now + REPEAT_SECONDS
        asked = await self._redis.get(ASKED_KEY) if self._watched else self._asked
        if asked != self._asked:
            self._asked = asked
            self._reported.clear()
