"""Ends what a run of the suite left running, and removes its folder. Usage: python -m tests.reaper FOLDER

Its standard input ends with the process that started it, also where that was killed. What belongs to the run has its folder for
TMPDIR, or works in it (servers have an environment of their own). First everybody has a moment, as a keeper that stops its servers
needs, then SIGTERM and a grace, then SIGKILL.
"""

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from nexus_project.stack.machine import owned_folders, processes

MOMENT_SECONDS, GRACE_SECONDS, KILLED_SECONDS = 5, 15, 10


def reap(folder: Path) -> list[str]:
    """End the processes of the run and remove its folders; the command lines of those that had to be told."""
    homes = _homes(folder)
    if processes.wait_until(lambda: not _left(folder, homes), MOMENT_SECONDS):
        reported = []
    else:
        reported = _send(signal.SIGTERM, folder, homes)
        if not processes.wait_until(lambda: not _left(folder, homes), GRACE_SECONDS):
            _send(signal.SIGKILL, folder, homes)
            processes.wait_until(lambda: not _left(folder, homes), KILLED_SECONDS)
    _remove(folder)
    for home in {*homes, *_homes(folder)}:
        if home.exists():
            owned_folders.remove(home)
    return reported


def _homes(folder: Path) -> list[Path]:
    """PostgreSQL's homes of data folders in this one."""
    owners = {home: owned_folders.owner_of(home) for home in owned_folders.homes()}
    return [home for home, owner in owners.items() if owner and Path(owner.data).is_relative_to(folder)]


def _left(folder: Path, homes: list[Path]) -> list[psutil.Process]:
    return [
        item for item in psutil.process_iter() if item.pid != os.getpid() and _belongs(item, [folder, *homes])
    ]


def _belongs(process: psutil.Process, folders: list[Path]) -> bool:
    try:
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        places_of_it = [process.cwd(), process.environ().get("TMPDIR", "")]
    except (psutil.Error, OSError):
        return False  # another account's, or it has just ended
    return any(Path(item).is_relative_to(folder) for item in places_of_it if item for folder in folders)


def _send(number: signal.Signals, folder: Path, homes: list[Path]) -> list[str]:
    reported = []
    for process in _left(folder, homes):
        with contextlib.suppress(psutil.Error):
            reported.append(" ".join(process.cmdline()))
            process.send_signal(number)
    return reported


def _remove(folder: Path) -> None:
    for disk in psutil.disk_partitions(all=True):
        if Path(disk.mountpoint).is_relative_to(folder):
            subprocess.run(["umount", disk.mountpoint], check=True)  # noqa: S607 - as tests/flow/small_disk.py
    for above, names, _ in os.walk(folder):
        for name in names:
            path = Path(above) / name
            if not path.is_symlink():
                path.chmod(path.stat().st_mode | 0o700)  # a test may have closed it
    owned_folders.remove(folder)


def main(folder: str) -> None:
    sys.stdin.read()
    for line in reap(Path(folder)):
        print(f"the tests left running: {line[:300]}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
