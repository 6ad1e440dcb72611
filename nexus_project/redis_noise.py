"""While Redis is away: one line a minute, in place of what Celery, kombu and each task say of it at every try."""

import logging
import time

log = logging.getLogger("nexus.broker")

PAUSE_SECONDS = 60.0
_CELERY = ("celery", "kombu", "py.warnings")
_LOST = (
    "Connection to broker lost",
    "Cannot connect to",
    "beat: Connection error",
    "on connection loss cancels all currently executed tasks",
    "Connection to Redis lost",
    "Retry limit exceeded while trying to reconnect to the Celery result store",
)
_OF_LIBRARIES = ("redis.", "kombu.", "amqp.")
_KINDS = ("ConnectionError", "TimeoutError", "BusyLoadingError", "OperationalError")


class RedisNoise(logging.Filter):
    """Holds back what says that Redis cannot be reached, tracebacks too, and says it itself: at once, then once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._held_back = 0
        self._next = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        why = _why(record)
        if why is None:
            return True
        self._held_back += 1
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PAUSE_SECONDS
            times, self._held_back = self._held_back, 0
            log.warning("broker.redis_down", extra={"why": why, "times": times, "action": "bring Redis back"})
        return False


def _why(record: logging.LogRecord) -> str | None:
    """What a line says of a Redis that cannot be reached; None if it is about something else."""
    error = record.exc_info[1] if record.exc_info else None
    kind = type(error)
    if kind.__name__ in _KINDS and kind.__module__.startswith(_OF_LIBRARIES):
        return str(error)
    if record.name.startswith(_CELERY):
        text = record.getMessage()
        if any(words in text for words in _LOST):
            return " ".join(text.split())[:200]
    return None
