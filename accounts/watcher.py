"""Keep the access snapshot fresh: one cheap version query and one folder listing a second, in a thread of its own."""

import logging
import threading
import time
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connections

from accounts import snapshot
from accounts.access import Snapshot
from accounts.credential_files import SUFFIX, BadCredentialFile, CredentialFile, domain_of, read

log = logging.getLogger("nexus.access")

INTERVAL_SECONDS = 1.0

Stamp = tuple[int, int, int]


class Folder:
    """The credential files as last read; a file is read again when its inode, size or time changes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps: dict[Path, Stamp] = {}
        self.files: dict[Path, CredentialFile] = {}

    def scan(self) -> bool:
        """Look for changes; whether there were any."""
        stamps = self._list()
        changed = [path for path, stamp in stamps.items() if self._stamps.get(path) != stamp]
        gone = self._stamps.keys() - stamps.keys()
        for path in gone:
            self.files.pop(path, None)
        for path in changed:
            self._read(path)
        self._stamps = stamps
        return bool(changed or gone)

    def _list(self) -> dict[Path, Stamp]:
        found = {}
        for path in self._path.glob(f"*{SUFFIX}"):
            try:
                stat = path.stat()
            except OSError:  # deleted between the listing and the look
                continue
            found[path] = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        return found

    def _read(self, path: Path) -> None:
        try:
            if domain_of(path) is None:
                raise BadCredentialFile("its name is no domain")
            self.files[path] = read(path)
        except BadCredentialFile as error:
            self.files.pop(path, None)
            log.warning("credential_file.unusable", extra={"file": path.name, "why": str(error)})


class Watcher:
    """Holds `current`, None until the first snapshot is complete.

    With the database down the last snapshot keeps serving. `refresh_now` may be called from any thread.
    """

    def __init__(self) -> None:
        self.current: Snapshot | None = None
        self._folder = Folder(settings.CREDENTIALS_DIR)
        self._stored: Snapshot | None = None if settings.DATABASE_URL else Snapshot()
        self._version = -1
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def refresh_now(self) -> None:
        """Take in every change made so far; a database that does not answer leaves the snapshot as it is."""
        with self._lock:
            changed = self._folder.scan()
            if settings.DATABASE_URL:
                changed = self._read_database() or changed
            if self._stored is not None and (changed or self.current is None):
                self.current = snapshot.combine(self._stored, self._folder.files)

    def _read_database(self) -> bool:
        try:
            version = snapshot.database_version()
            if version == self._version:
                return False
            self._stored, self._version = snapshot.from_database(), version
        except DatabaseError as error:
            log.warning(
                "access.database_down", extra={"why": type(error).__name__, "serving": "the last snapshot"}
            )
            connections.close_all()
            return False
        return True

    def _run(self) -> None:
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                self.refresh_now()
            except (
                Exception
            ):  # the outermost door of this thread: without it a bug would freeze access for ever
                log.exception("access.refresh_failed")
            self._stop.wait(max(0.0, INTERVAL_SECONDS - (time.monotonic() - started)))
        connections.close_all()
