"""Refresh a token at the door, off the event loop: one attempt at a time per credential, and a pause after a failure."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from accounts import oauth
from accounts.access import Payer
from accounts.watcher import Watcher

PAUSE_SECONDS = 5.0  # predecessor §2.6: the negative cache after a failed refresh
THREADS = 4


class Refresher:
    """Concurrent requests that wait for one credential share one attempt."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._running: dict[str, asyncio.Future[None]] = {}
        self._failed_at: dict[str, float] = {}
        # Threads of its own: a token endpoint that hangs must not hold up the spool and the name look-ups.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oauth-refresh")

    async def refresh(self, payer: Payer, *, rejected: bool = False) -> None:
        """Try it; whether it worked shows in the snapshot, which is fresh when this returns. `rejected` as in `oauth.refresh`."""
        if time.monotonic() < self._failed_at.get(payer.key, -PAUSE_SECONDS) + PAUSE_SECONDS:
            return
        running = self._running.get(payer.key)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(
                self._threads, self._attempt, payer, rejected
            )
            self._running[payer.key] = running
            running.add_done_callback(lambda _: self._running.pop(payer.key, None))
        # One client's leaving must not end the attempt that the others wait for.
        await asyncio.shield(running)

    def _attempt(self, payer: Payer, rejected: bool) -> None:
        try:
            oauth.refresh(payer, rejected=rejected)
            self._failed_at.pop(payer.key, None)
        except oauth.RefreshFailed:
            self._failed_at[payer.key] = time.monotonic()
        try:
            self._watcher.refresh_now()
        finally:
            # A refresh is rare: a connection kept until the next one would be dead after a restart of the database.
            connections.close_all()
