"""That beat asks and a worker does what it asks for: the moment of the last time, in Redis, written every ten seconds."""

import socket
import time
from dataclasses import dataclass

from accounts import redis_client

KEY = "nexus:pulse"
# Three that were missed in a row: one may wait behind a large batch.
LATE_SECONDS = 40
_REDIS_SECONDS = 2


@dataclass(frozen=True, slots=True)
class Pulse:
    """`at` is epoch seconds, `worker` the machine that did it."""

    at: float
    worker: str

    def is_late(self, now: float) -> bool:
        return now - self.at > LATE_SECONDS


def note() -> None:
    """Now, by this worker. Raises redis.RedisError."""
    redis_client.client(_REDIS_SECONDS).hset(KEY, mapping={"at": time.time(), "worker": socket.gethostname()})


def last() -> Pulse | None:
    """None before the first one. Raises redis.RedisError."""
    found = redis_client.client(_REDIS_SECONDS).hgetall(KEY)
    try:
        return Pulse(float(found["at"]), str(found.get("worker", "")))
    except (KeyError, ValueError):
        return None


def waiting(queue: str) -> int:
    """How many messages wait in a queue of the broker. Raises redis.RedisError."""
    return int(redis_client.client(_REDIS_SECONDS).llen(queue))
