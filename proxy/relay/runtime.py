"""What one proxy process holds: the access watcher, the spool with its shipper, the way upstream, the live publisher.

It is made at the server's start, within its event loop, and taken down at its end in the order that loses nothing.
"""

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, reset_queries

from accounts.snapshot.watcher import Watcher
from proxy.relay.capture.exchange import Exchange
from proxy.relay.capture.live import LivePublisher
from proxy.relay.credentials.attempts import Sender
from proxy.relay.credentials.health import HealthSharing
from proxy.relay.credentials.refresh import Refresher
from proxy.relay.http.client_limits import ClientLimits
from proxy.relay.limits import prices
from proxy.relay.limits.limiter import Limiter
from proxy.relay.shipping.shipper import Shipper
from proxy.relay.spool import descriptors
from proxy.relay.spool.recovery import claim
from proxy.relay.spool.spool import Spool
from proxy.relay.stops import stopper
from proxy.relay.stops.stopper import Stopper
from proxy.relay.upstream.transport import UpstreamTransport

log = logging.getLogger("nexus.relay")

LAST_HINTS_SECONDS = 1.0
# A database that hangs must not keep the proxy from answering that it is not ready.
FIRST_LOOK_SECONDS = 5.0


class Runtime:
    """The parts of a running proxy process. `spool` is None without Redis: nothing could ever take a record away."""

    def __init__(self) -> None:
        self.draining = False
        self.spool: Spool | None = None
        self.shipper: Shipper | None = None
        # First, because it can fail: nothing else is open then.
        if settings.REDIS_URL:
            descriptors.reserve()
            root = settings.NEXUS_DATA_DIR / "spool"
            self.spool = claim(root, settings.SPOOL_MAX_BYTES)
            self.shipper = Shipper(root, self.spool)
        else:
            log.warning(
                "relay.unrecorded", extra={"why": "REDIS_URL is not set", "action": "set it to keep a record"}
            )
        self.watcher = Watcher((prices.PART, stopper.PART))
        self.refresher = Refresher(self.watcher)
        self.upstream = UpstreamTransport(settings.UPSTREAM_CONNECT_SECONDS, settings.UPSTREAM_IDLE_SECONDS)
        self.sender = Sender(self.upstream, self.watcher, self.refresher)
        self.health = HealthSharing(self.watcher, self.sender.updates, self.sender.pool)
        self.live = LivePublisher()
        self.stops = Stopper(self.watcher)
        self.limiter = Limiter(self.watcher)

    def start(self) -> None:
        # Signal receivers that look after database connections cost a thread hop per request; the hot path holds none.
        request_started.disconnect(reset_queries)
        request_started.disconnect(close_old_connections)
        request_finished.disconnect(close_old_connections)
        self.watcher.start()
        self.refresher.start()
        if self.shipper:
            self.shipper.start()
        self.live.start()
        self.stops.start()
        self.health.start()

    def ended(self, exchange: Exchange) -> None:
        """Every exchange comes by here once, with its outcome."""
        self.live.end(exchange)
        self.stops.end(exchange)
        self.sender.ended(exchange)
        self.limiter.end(exchange)

    async def stop(self) -> None:
        self.draining = True
        ClientLimits.of(asyncio.get_running_loop()).log_refused()
        # A Redis client may swallow the publisher's cancellation: without an end to the wait the process would never stop.
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_HINTS_SECONDS):
                await self.live.stop()
        await self.stops.stop()
        await self.limiter.stop()
        await self.health.stop()
        await self.sender.stop()
        await self.upstream.aclose()
        if self.shipper:
            self.shipper.stop(flush_seconds=5)
        if self.spool:
            self.spool.shut()
        await asyncio.to_thread(self.refresher.stop)
        self.watcher.stop()


_current: list[Runtime] = []


def current() -> Runtime:
    """The running process's parts."""
    return _current[0]


async def live(
    receive: Callable[[], Awaitable[dict[str, Any]]], send: Callable[[dict[str, Any]], Awaitable[None]]
) -> None:
    """ASGI's lifespan: start, wait for the end, stop."""
    await receive()
    try:
        runtime = Runtime()
        runtime.start()
    except OSError as error:
        message = f"the spool in {settings.NEXUS_DATA_DIR} cannot be used ({error}); fix the folder or set NEXUS_DATA_DIR"
        await send({"type": "lifespan.startup.failed", "message": message})
        return
    _current[:] = [runtime]
    # Of several processes on one port each answers once it has started: one without access would refuse what another serves.
    await asyncio.to_thread(runtime.watcher.looked.wait, FIRST_LOOK_SECONDS)
    # And cool-downs of before a restart count from its first request on.
    await runtime.health.share()
    # What is there by now stays: without this each full collection would look through all of it, for tens of milliseconds.
    gc.collect()
    gc.freeze()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await runtime.stop()
    _current.clear()
    await send({"type": "lifespan.shutdown.complete"})
