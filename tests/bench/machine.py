"""CPU, memory, descriptors and cores of process trees, by /proc."""

import os
import sys
import sysconfig
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc")
TICK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
MIB = 2**20


def tree(roots: Iterable[int]) -> set[int]:
    """These processes and all that they started."""
    children: dict[int, list[int]] = {}
    for pid in (int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()):
        if fields := _fields(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found: set[int] = set()
    waiting = list(roots)
    while waiting:
        pid = waiting.pop()
        found.add(pid)
        waiting += children.get(pid, [])
    return found


def cpu(roots: Iterable[int]) -> float:
    """Seconds of user and system time so far, with that of children which have ended; to 10 ms."""
    ticks = sum(int(part) for pid in tree(roots) if (fields := _fields(pid)) for part in fields[11:15])
    return ticks / TICK


def rss(roots: Iterable[int]) -> float:
    """Resident memory in MiB; what processes share counts in each."""
    return _rss(tree(roots))


def _rss(pids: Iterable[int]) -> float:
    return sum(int(fields[21]) for pid in pids if (fields := _fields(pid))) * PAGE / MIB


def descriptors(roots: Iterable[int]) -> int:
    count = 0
    for pid in tree(roots):
        with suppress(OSError):
            count += len(os.listdir(PROC / str(pid) / "fd"))  # noqa: PTH208 - only their number
    return count


def pin(roots: Iterable[int], core: int) -> None:
    """Keep all threads of these trees on one core; children that are still to come inherit it."""
    for pid in tree(roots):
        with suppress(OSError):
            for thread in (PROC / str(pid) / "task").iterdir():
                os.sched_setaffinity(int(thread.name), {core})


def cannot_pin() -> str:
    """Why the two sides share the cores, "" where each can have one."""
    if not hasattr(os, "sched_setaffinity"):
        return "this system has no sched_setaffinity"
    if {0, 1} - os.sched_getaffinity(0):
        return "cores 0 and 1 are not both ours"
    return ""


def unoptimized_python() -> str:
    """What is told of a Python that was built without profile-guided optimization, "" of others."""
    # Debian's and others' own builds are optimized and do not say so.
    if "--enable-optimizations" in str(sysconfig.get_config_var("CONFIG_ARGS")) or sys.base_prefix == "/usr":
        return ""
    return f"this Python {sys.version.split()[0]} was built without --enable-optimizations and is a quarter slower"


class Peak:
    """The largest RSS of trees, as they are now, while the context is open, in MiB; looked at ten times a second, from `core`."""

    def __init__(self, roots: Iterable[int], core: int | None) -> None:
        self._pids, self._core, self._stop = sorted(tree(roots)), core, threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.mib = 0.0

    def __enter__(self) -> "Peak":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _watch(self) -> None:
        if self._core is not None:  # this thread's alone, so that it is not in the way of what is measured
            os.sched_setaffinity(0, {self._core})
        while not self._stop.wait(0.1):
            self.mib = max(self.mib, _rss(self._pids))


def _fields(pid: int) -> list[str]:
    """/proc/PID/stat behind the name, from the state on; [] when the process is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
