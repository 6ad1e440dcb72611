"""Keep the access snapshot fresh: one cheap version query and one folder listing a second, in a thread of its own."""

import logging
import threading
import time
from collections.abc import Sequence

from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import connections

from accounts.access.decision import Snapshot
from accounts.credentials.folder import CredentialFolder
from accounts.snapshot import build as snapshot
from accounts.snapshot import exposure
from accounts.snapshot import file as snapshot_file
from accounts.snapshot.exposure import Exposure
from accounts.snapshot.parts import Part

log = logging.getLogger("nexus.access")

INTERVAL_SECONDS = 1.0


class Watcher:
    """Holds `current`, None until the first snapshot is complete.

    `looked` is set once the database was asked, whether or not it answered. With it down the last snapshot keeps
    serving; before its first answer, the one that an earlier process kept. `parts` are what others keep in it.
    `refresh_now` may be called from any thread.
    """

    def __init__(self, parts: Sequence[Part] = ()) -> None:
        self.current: Snapshot | None = None
        self._parts = parts
        self.looked = threading.Event()
        self._folder = CredentialFolder(settings.CREDENTIALS_DIR)
        self._stored: Snapshot | None = None if settings.DATABASE_URL else Snapshot()
        self._version = -1
        self._database_up = True
        self._kept_read = False
        self._unsaved: Snapshot | None = None
        self._open = Exposure()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def refresh_now(self) -> None:
        """Take in every change made so far; a database that does not answer leaves its part of the snapshot as it is."""
        with self._lock:
            # The files first: a database that takes its time to fail must not hold them up.
            self._publish(changed=self._folder.scan())
            if settings.DATABASE_URL:
                self._publish(changed=self._read_database())

    def save(self) -> None:
        """Keep what the database said last for a later start without it: after all else, as a disk may take its time."""
        with self._lock:
            stored, self._unsaved = self._unsaved, None
        if stored is not None:
            snapshot_file.save(stored)

    def _publish(self, *, changed: bool) -> None:
        if self._stored is not None and (changed or self.current is None):
            self.current = snapshot.combine(self._stored, self._folder.files)
            self._report(exposure.of_snapshot(self.current))

    def _report(self, found: Exposure) -> None:
        """Say loudly, once a change, what anybody may spend."""
        if found and found != self._open:
            log.warning("access.open", extra={"to_everybody": found.words, "action": exposure.ACTION})
        if self._open and not found:
            log.info("access.closed")
        self._open = found

    def _read_database(self) -> bool:
        try:
            version = snapshot.database_version()
            changed = version != self._version
            if changed:
                self._stored, self._version = snapshot.from_database(self._parts), version
                self._unsaved = self._stored
        except DatabaseFailure as error:
            if self._database_up:
                why = {"why": type(error).__name__, "serving": "the last snapshot"}
                log.warning("access.database_down", extra=why)
            self._database_up = False
            connections.close_all()
            return self._read_kept()
        if not self._database_up:
            log.info("access.database_up")
        self._database_up = True
        return changed

    def _read_kept(self) -> bool:
        """Once: what an earlier process kept, where this one never heard the database."""
        if self._stored is not None or self._kept_read:
            return False
        self._kept_read = True
        self._stored = snapshot_file.load(self._parts)
        return self._stored is not None

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            for step in (self.refresh_now, self.looked.set, self.save):
                try:
                    step()
                except Exception:
                    # The outermost door of this thread: without it a bug would freeze access for ever.
                    log.exception("access.refresh_failed")
            self._stop.wait(max(0.0, INTERVAL_SECONDS - (time.monotonic() - started)))
        connections.close_all()
