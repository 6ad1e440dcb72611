"""What runs in this process and what is stopped: an announcement, or a new access snapshot, ends what it means."""

import asyncio
import logging
import time
from typing import cast

from django.conf import settings

from accounts.access.decision import Snapshot
from accounts.access.stops import Stop, Stops
from accounts.models.stops import read_stops
from accounts.snapshot.parts import Part
from accounts.snapshot.watcher import Watcher
from proxy.relay.background import spawn
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.request import RelayRequest
from proxy.relay.redis_client import DOWN
from proxy.relay.stops import messages
from proxy.relay.stops.listening import Listener
from proxy.relay.stops.under_way import UnderWay, session_of

log = logging.getLogger("nexus.stops")

# What the access snapshot holds for it.
PART = Part("stops", list[Stop], read_stops, list)
# So often it looks for a new snapshot, which is all that it has without Redis.
INTERVAL_SECONDS = 0.25
END_SECONDS = 1.0


class Stopper:
    """Used by the event loop alone."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._seen: Snapshot | None = None
        self._known = Stops()
        self._running: dict[str, UnderWay] = {}
        self._listener = Listener() if settings.REDIS_URL else None
        self._is_deaf = False
        self._ending = False
        self._task: asyncio.Task[None] | None = None

    def begin(self, exchange: Exchange, request: RelayRequest, domain: str) -> UnderWay:
        """A request passes the door. Raises Refused where its session is stopped."""
        self.look()
        if self._known.concern_sessions:
            stop = self._known.of_session(domain, session_of(request), time.time())
            if stop:
                raise messages.refused(stop)
        under_way = self._running[exchange.id] = UnderWay(exchange, request, domain)
        return under_way

    def stop_of(self, exchange: Exchange) -> Stop | None:
        """What ended this request, None where nothing did."""
        under_way = self._running.get(exchange.id)
        return under_way.stop if under_way else None

    def end(self, exchange: Exchange) -> None:
        """It has its outcome."""
        self._running.pop(exchange.id, None)

    def look(self) -> None:
        """Take in what the latest snapshot has; without a new one that costs nothing."""
        snapshot = self._watcher.current
        if snapshot is not None and snapshot is not self._seen:
            self._seen = snapshot
            self.take(cast("list[Stop]", snapshot.parts.get(PART.name, [])))

    def take(self, heard: list[Stop]) -> None:
        """Note these stops, and end what those mean that are new."""
        for stop in self._known.take(heard, time.time()):
            meant = [under_way for under_way in self._running.values() if under_way.is_meant(stop)]
            for under_way in meant:
                under_way.end(stop)
            if meant:
                log.warning("stops.ended", extra={"stop": stop.id, "by": stop.by, "requests": len(meant)})

    def start(self) -> None:
        self._task = spawn(self._run(), "stops")

    async def stop(self) -> None:
        self._ending = True
        if self._task:
            self._task.cancel()
            await asyncio.wait([self._task], timeout=END_SECONDS)
        if self._listener:
            await self._listener.close()

    async def _run(self) -> None:
        # A Redis client can swallow a cancellation, so that alone does not end the loop.
        while not self._ending:
            try:
                self.look()
                await self._hear()
            except DOWN as error:
                if not self._is_deaf:
                    action = (
                        "bring Redis back; until then stops are heard of within two seconds, by the database"
                    )
                    log.warning("stops.unheard", extra={"why": type(error).__name__, "action": action})
                self._is_deaf = True
                await asyncio.sleep(INTERVAL_SECONDS)
            except (
                Exception
            ):  # the outermost door of this task: without it a bug would leave every stream running
                log.exception("stops.failed")
                await asyncio.sleep(INTERVAL_SECONDS)

    async def _hear(self) -> None:
        if self._listener is None:
            await asyncio.sleep(INTERVAL_SECONDS)
            return
        heard = await self._listener.next(INTERVAL_SECONDS)
        self._is_deaf = False
        if heard:
            self.take([heard])
