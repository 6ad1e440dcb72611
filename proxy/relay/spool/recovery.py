"""Slots of the spool: take one for this process, and take over what processes left behind that did not come back."""

import errno
import logging
from pathlib import Path

from proxy.relay.spool.directory import DirectoryTaken
from proxy.relay.spool.spool import Spool

log = logging.getLogger("nexus.spool")

AGAIN_SECONDS = 60.0
MOST_DIRECTORIES = 1000


def claim(root: Path, limit_bytes: int) -> Spool:
    """The first directory below `root` that no process holds: a dead process's leftovers come first. Raises OSError.

    One that cannot be used, or not be read as a whole, is passed over: it is a leftover that is tried again each minute.
    """
    for number in range(MOST_DIRECTORIES):
        folder = root / str(number)
        known = folder.exists()
        try:
            spool = claim_directory(folder, limit_bytes)
        except OSError as error:
            if not known:
                raise
            _report(folder, error)
            continue
        if spool and spool.whole:
            return spool
        if spool:
            spool.shut()
    raise OSError(errno.EBUSY, f"each of {MOST_DIRECTORIES} slots is held by another process", str(root))


class Leftovers:
    """What lies in directories below `root` that no process holds. Times are monotonic seconds."""

    def __init__(self, root: Path, limit_bytes: int) -> None:
        self._root = root
        self._limit = limit_bytes
        self._not_before: dict[Path, float] = {}
        self._root_reported = 0.0

    def claim(self, now: float) -> list[Spool]:
        """All that can be taken now. A directory that cannot be used is reported and tried again a minute later."""
        try:
            folders = sorted(path for path in self._root.iterdir() if path.is_dir())
        except FileNotFoundError:
            return []
        except OSError as error:
            if now >= self._root_reported:
                self._root_reported = now + AGAIN_SECONDS
                _report(self._root, error)
            return []
        return [
            spool
            for folder in folders
            if now >= self._not_before.get(folder, now) and (spool := self._claim(folder, now))
        ]

    def put_off(self, folder: Path, now: float) -> None:
        """Leave a directory alone for a minute."""
        self._not_before[folder] = now + AGAIN_SECONDS

    def _claim(self, folder: Path, now: float) -> Spool | None:
        try:
            return claim_directory(folder, self._limit) if holds_something(folder) else None
        except OSError as error:
            self.put_off(folder, now)
            _report(folder, error)
            return None


def _report(folder: Path, error: OSError) -> None:
    report = {"folder": str(folder), "why": str(error), "action": "fix its rights, or the disk"}
    log.error("spool.unusable", extra=report)


def holds_something(folder: Path) -> bool:
    """Whether records may lie in a directory; raises OSError."""
    try:
        return any(file.stat().st_size for file in folder.iterdir() if file.suffix == ".seg")
    except FileNotFoundError:  # its process has just shipped and deleted one
        return False


def claim_directory(folder: Path, limit_bytes: int) -> Spool | None:
    """One directory; None when another process holds it. Raises OSError."""
    try:
        return Spool(folder, limit_bytes)
    except DirectoryTaken:
        return None
