"""Connections to Redis of one event loop, for what requests wait for: a fraction of a second at most."""

from django.conf import settings
from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

RESPONSE_SECONDS = 0.5
POOL_SECONDS = 2
CONNECTIONS = 32
DOWN = (RedisError, OSError, TimeoutError)


class StoreDown(Exception):
    """Redis does not answer."""


def connect() -> "Redis":
    """A client of REDIS_URL; it connects when it is first used, and its calls raise one of DOWN."""
    # One more try at once: after a restart of Redis every connection of the pool fails once.
    pool = BlockingConnectionPool.from_url(
        settings.REDIS_URL or "redis://",
        max_connections=CONNECTIONS,
        timeout=POOL_SECONDS,
        socket_timeout=RESPONSE_SECONDS,
        socket_connect_timeout=RESPONSE_SECONDS,
        retry=Retry(NoBackoff(), 1),
    )
    return Redis.from_pool(pool)
