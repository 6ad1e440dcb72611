"""Keep a log line that could come with each record to one a minute."""

import time

PAUSE_SECONDS = 60.0


class OncePerMinute:
    """Ask `count` each time that it happens."""

    def __init__(self) -> None:
        self._times = 0
        self._next = 0.0

    def count(self) -> int:
        """How many times a line speaks for, this one included; 0 while the last line is younger than a minute."""
        self._times += 1
        now = time.monotonic()
        if now < self._next:
            return 0
        self._next = now + PAUSE_SECONDS
        times, self._times = self._times, 0
        return times
