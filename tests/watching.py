"""A watcher of the access snapshot that runs, and what must happen within its two seconds."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from accounts.snapshot.watcher import Watcher

SOON_SECONDS = 2.0


@contextmanager
def running(watcher: Watcher) -> Iterator[Watcher]:
    """Started, with its first snapshot, and stopped in the end."""
    watcher.start()
    soon(lambda: watcher.current is not None)
    yield watcher
    watcher.stop()


def soon(happened: Callable[[], bool]) -> None:
    """Wait for it; an AssertionError where it is late."""
    deadline = time.monotonic() + SOON_SECONDS
    while not happened():
        assert time.monotonic() < deadline, "not within two seconds"
        time.sleep(0.02)
