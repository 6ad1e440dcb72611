"""A disk that is full on demand: a small file system where this account may mount one, else the kernel's limit of a file's size."""

import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

BYTES = 3 * 1024**2
PAGES = 40 * 1024  # a few records fit, and the process's log


class SmallDisk:
    """A folder on a file system of three megabytes."""

    def __init__(self, folder: Path) -> None:
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no byte."""
        with self._filler.open("wb", buffering=0) as file:
            for size in (64 * 1024, 1):
                while _written(file.write, bytes(size)):
                    pass

    def make_room(self) -> None:
        self._filler.unlink()


def _written(write: Callable[[bytes], int | None], data: bytes) -> bool:
    try:
        return write(data) == len(data)
    except OSError:
        return False


class RefusingDisk:
    """A folder of an ordinary file system that takes nothing from one process."""

    def __init__(self, pid: Callable[[], int]) -> None:
        self._pid = pid
        self._limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(self) -> None:
        resource.prlimit(self._pid(), resource.RLIMIT_FSIZE, (PAGES, self._limits[1]))

    def make_room(self) -> None:
        resource.prlimit(self._pid(), resource.RLIMIT_FSIZE, self._limits)


Disk = SmallDisk | RefusingDisk


@contextmanager
def mounted(folder: Path, pid: Callable[[], int]) -> Iterator[Disk]:
    """A disk at `folder`; `pid` is the process that writes to it."""
    folder.mkdir(parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={BYTES}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        yield RefusingDisk(pid)
        return
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", str(folder)], check=True)  # noqa: S607 - as mount
