"""Bound the time that one record may take of a worker, so that no other one waits for it long.

Every parser here takes time in proportion to what it reads, and bounds are on what is read. This is the bound for what nobody
thought of. It counts the CPU time of this process, not the time on the clock: a busy machine changes nothing.
"""

import gc
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

# The largest request that the API takes is read in half of it.
SECONDS = 1.0
# What is raised in a destructor or a callback of the garbage collector is printed and lost, so it is raised again.
AGAIN_SECONDS = 0.1


class TooSlow(BaseException):
    """The time is up. No Exception, so that no parser takes it for bad input."""


class Bounded:
    """Raises TooSlow when that much CPU time was used within; not outside of the main thread, which alone gets signals."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._applies = threading.current_thread() is threading.main_thread()
        self._before: Any = None

    def __enter__(self) -> None:
        if self._applies:
            self._before = signal.signal(signal.SIGVTALRM, _stop)
            signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds, AGAIN_SECONDS)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._applies:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            signal.signal(signal.SIGVTALRM, self._before)


def _stop(_: int, frame: FrameType | None) -> None:
    # Freeing what was read may take until the next signal: raised while the timer is being stopped, it would go on.
    if frame is None or (frame.f_code is not Bounded.__exit__.__code__ and not _is_callback(frame)):
        raise TooSlow


def _is_callback(frame: FrameType) -> bool:
    """Whether the garbage collector called it, who would print and lose what is raised."""
    return any(getattr(callback, "__code__", None) is frame.f_code for callback in gc.callbacks)
