"""Tell the dashboard what is running: at most every 100 ms, one message for all that changed, never awaited by a request."""

import asyncio
import logging

from channels.layers import get_channel_layer

from proxy.live_events import GROUP, Event, message
from proxy.relay.background import spawn
from proxy.relay.exchange import Exchange

log = logging.getLogger("nexus.live")

INTERVAL_SECONDS = 0.1
MAX_EVENTS = 500  # of each kind in a message; the others are told with the next one


class LivePublisher:
    """Knows the exchanges in flight; losing an event is harmless, as every event is only a hint."""

    def __init__(self) -> None:
        self.running: dict[str, Exchange] = {}
        self._told: dict[str, int] = {}
        self._ended: list[Event] = []
        self._layer = get_channel_layer()
        self._task: asyncio.Task[None] | None = None
        self._ending = False

    def begin(self, exchange: Exchange) -> None:
        self.running[exchange.id] = exchange

    def end(self, exchange: Exchange) -> None:
        self._told.pop(exchange.id, None)
        if self.running.pop(exchange.id, None) and self._layer:
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

    def changes(self) -> list[Event]:
        """What to tell now: exchanges that ended, that are new, or that received bytes since the last time."""
        events, self._ended = self._ended, []
        changed = [one for one in self.running.values() if self._told.get(one.id) != one.size]
        for exchange in changed[:MAX_EVENTS]:
            self._told[exchange.id] = exchange.size
            self.running[exchange.id] = self.running.pop(exchange.id)  # to the end: the others are told first
            events.append(exchange.event("running"))
        return events

    async def _publish(self) -> None:
        down = False
        # A Redis client can swallow a cancellation, so that alone does not end the loop.
        while not self._ending:
            await asyncio.sleep(INTERVAL_SECONDS)
            events = self.changes()
            if not events:
                continue
            try:
                await self._layer.group_send(GROUP, message(events))
                down = False
            except Exception as error:  # the outermost door of a hint: whatever ails Redis, traffic goes on
                if not down:
                    log.warning("live.unreachable", extra={"why": type(error).__name__})
                down = True
