"""Guesses at DASHBOARD_API_KEY and at passwords are counted in Redis, so that all proxies and dashboards count together.

After LIMIT wrong ones an address (or a user name, see dashboard/access) waits until WINDOW_SECONDS have passed since
its first. Without Redis nobody is locked out: the key itself is what protects, the throttle only keeps guessing slow.
"""

import ipaddress
import logging
from collections.abc import Iterable
from enum import Enum
from hashlib import sha256

import redis
from django.conf import settings
from django.utils.crypto import constant_time_compare

from accounts import redis_client

LIMIT = 10
WINDOW_SECONDS = 300
_SECONDS = 1
# ValueError: no REDIS_URL, as a proxy may do without.
_DOWN = (redis.RedisError, ValueError)
log = logging.getLogger("nexus.access")


class Verdict(Enum):
    """What became of a guess."""

    RIGHT = "right"
    WRONG = "wrong"
    THROTTLED = "not looked at: too many wrong ones before"


def judge(who: str, shown: Iterable[str]) -> Verdict:
    """Compare the keys that a request shows with DASHBOARD_API_KEY; a wrong one counts for `who` (see `counted_as`)."""
    if wait_of(who):
        return Verdict.THROTTLED
    if any(_is_key(value) for value in shown):
        return Verdict.RIGHT
    count(who)
    return Verdict.WRONG


def counted_as(address: str) -> str:
    """What an address counts as: an IPv6 one its network (/64), of which its owner has them all."""
    found = parsed(address)
    if isinstance(found, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found or "unknown")


def parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address, None for other text; what a dual-stack socket shows as `::ffff:10.0.0.1` is an IPv4 one."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def wait_of(who: str) -> int:
    """How many seconds an address or name that has used up its tries has to wait; 0 where it has some left."""
    key = _redis_key(who)
    try:
        with redis_client.client(_SECONDS).pipeline() as pipe:
            pipe.get(key)
            pipe.ttl(key)
            tried, left = pipe.execute()
    except _DOWN as error:
        log.warning("signin.throttle_unavailable", extra={"error": type(error).__name__})
        return 0
    return max(left, 1) if int(tried or 0) >= LIMIT else 0


def count(who: str) -> None:
    """Note one wrong guess."""
    key = _redis_key(who)
    try:
        with redis_client.client(_SECONDS).pipeline() as pipe:
            pipe.set(key, 0, ex=WINDOW_SECONDS, nx=True)
            pipe.incr(key)
            pipe.execute()
    except _DOWN as error:
        log.warning("signin.throttle_unavailable", extra={"error": type(error).__name__})


def _is_key(presented: str) -> bool:
    """Compare in constant time, whatever the two lengths."""
    expected = settings.DASHBOARD_API_KEY
    return bool(expected) and constant_time_compare(_digest(presented), _digest(expected))


def _digest(value: str) -> bytes:
    return sha256(value.encode("utf-8", "surrogateescape")).digest()


def _redis_key(who: str) -> str:
    return f"nexus:signin:{who}"
