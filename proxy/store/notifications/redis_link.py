"""The Redis that all workers share: what was posted last, what waits, and what was counted."""

from functools import lru_cache

import redis
from django.conf import settings

TIMEOUT_SECONDS = 5


def connection() -> "redis.Redis":
    """A client of REDIS_URL that speaks text; it pools its connections and survives a fork."""
    return _connection(settings.REDIS_URL)


@lru_cache(maxsize=4)
def _connection(url: str) -> "redis.Redis":
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
    )
