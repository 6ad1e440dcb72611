"""The Redis that all workers share: what was posted last, what waits, and what was counted."""

import redis

from accounts import redis_client

TIMEOUT_SECONDS = 5


def connection() -> "redis.Redis":
    """A client that tries again: what is to be reported must not be lost to a hiccup."""
    return redis_client.client(TIMEOUT_SECONDS, again=True)
