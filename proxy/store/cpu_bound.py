"""Bound the time that one record may take of a worker, so that no other one waits for it long.

Every parser here takes time in proportion to what it reads, and bounds are on what is read. This is the bound for what nobody
thought of. It counts the CPU time of this process, not the time on the clock: a busy machine changes nothing.
"""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

# The largest request that the API takes is read in a third of it.
SECONDS = 1.5


class TooSlow(BaseException):
    """The time is up. No Exception, so that no parser takes it for bad input."""


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    """Raises TooSlow when that much CPU time was used within; not outside of the main thread, which alone gets signals."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGVTALRM, _stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def _stop(*_: object) -> None:
    raise TooSlow
