"""Refresh tokens off the event loop: in the background before they end, and at the door where that was missed.

One attempt at a time per credential, and a growing pause after failures; other processes are `accounts.oauth.refresh`'s affair.
"""

import asyncio
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import connections

from accounts.access.decision import AccessCredential
from accounts.backoff import pause
from accounts.oauth import metrics as oauth_metrics
from accounts.oauth import refresh as oauth
from accounts.snapshot.watcher import Watcher

log = logging.getLogger("nexus.oauth")

PAUSE_SECONDS = 5.0  # after a first failure; docs/predecessor.md#oauth
LONGEST_PAUSE_SECONDS = 300.0
LOOK_SECONDS = 1.0
THREADS = 4


class Refresher:
    """Concurrent requests that wait for one credential share one attempt."""

    def __init__(self, watcher: Watcher) -> None:
        self._watcher = watcher
        self._running: dict[str, asyncio.Future[None]] = {}
        self._waits = 0
        # How often it failed in a row, and until when nobody tries.
        self._paused: dict[str, tuple[int, float]] = {}
        # Threads of its own: a token endpoint that hangs must not hold up the spool and the name look-ups.
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="oauth-refresh")
        self._stop = threading.Event()
        self._background = threading.Thread(target=self._run, name="oauth-background", daemon=True)

    def start(self) -> None:
        """Begin to refresh in the background."""
        self._background.start()

    def stop(self) -> None:
        """End the background; an attempt that runs is left to its end, as its tokens must be saved."""
        self._stop.set()
        self._background.join()

    async def refresh(self, credential: AccessCredential, *, rejected: bool = False) -> None:
        """Try it; whether it worked shows in the snapshot, which is fresh when this returns. `rejected` as in `oauth.refresh`."""
        if self._is_paused(credential):
            return
        running = self._running.get(credential.key)
        if running is None:
            running = asyncio.get_running_loop().run_in_executor(
                self._threads, self._attempt, credential, rejected
            )
            self._running[credential.key] = running
            running.add_done_callback(lambda _: self._running.pop(credential.key, None))
        else:
            self._waits += 1
        # One client's leaving must not end the attempt that the others wait for.
        await asyncio.shield(running)

    def _is_paused(self, credential: AccessCredential) -> bool:
        return time.monotonic() < self._paused.get(credential.key, (0, 0.0))[1]

    def _attempt(self, credential: AccessCredential, rejected: bool = False, patient: bool = True) -> None:
        try:
            oauth.refresh(credential, rejected=rejected, patient=patient)
            self._paused.pop(credential.key, None)
        except oauth.Busy:
            pass  # what the other process gets is in the next snapshot
        except oauth.RefreshFailed:
            failures = self._paused.get(credential.key, (0, 0.0))[0] + 1
            scatter = (0.5, 1.0) if failures > 1 else (1.0, 1.0)
            wait = pause(failures, PAUSE_SECONDS, LONGEST_PAUSE_SECONDS, scatter)
            self._paused[credential.key] = (failures, time.monotonic() + wait)
        try:
            self._watcher.refresh_now()
        finally:
            # A refresh is rare: a connection kept until the next one would be dead after a restart of the database.
            connections.close_all()
        if waits := self._waits:
            self._waits -= waits
            oauth_metrics.count(oauth_metrics.WAITS, waits)

    def _run(self) -> None:
        while not self._stop.wait(LOOK_SECONDS):
            try:
                self._look()
            except Exception:
                # The outermost door of this thread: without it a bug would leave every refresh to the door.
                log.exception("oauth.background_failed")

    def _look(self) -> None:
        """Refresh what is due, one after the other; who is not at it first leaves it to the other process."""
        snapshot, now = self._watcher.current, time.time()
        credentials = (
            [credential for access in snapshot.domains.values() for credential in access.credentials]
            if snapshot
            else []
        )
        for credential in credentials:
            if credential.wants_refresh(now) and not self._is_paused(credential) and not self._stop.is_set():
                self._attempt(credential, patient=False)
