"""The way to Redis for all that asks it now and then: clients that speak text, one for each address and patience.

The spool and the relay's limits have connections of their own: they speak bytes, or belong to an event loop.
"""

from functools import lru_cache

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry


def client(seconds: float, *, again: bool = False) -> "redis.Redis":
    """A client of REDIS_URL that gives up within `seconds`, or with `again` after some more tries.

    It pools its connections and survives a fork: nobody closes it. Raises ValueError where REDIS_URL is not set.
    """
    return _client(settings.REDIS_URL, seconds, again)


@lru_cache(maxsize=16)
def _client(url: str, seconds: float, again: bool) -> "redis.Redis":
    tries = {} if again else {"retry": Retry(NoBackoff(), 0)}
    return redis.Redis.from_url(
        url, decode_responses=True, socket_timeout=seconds, socket_connect_timeout=seconds, **tries
    )
