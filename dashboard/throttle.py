"""Wrong keys and passwords are counted in Redis, so that several dashboards count together.

After LIMIT of them an address (or a user name, see dashboard/admin_signin.py) waits until WINDOW_SECONDS have passed since
its first. Without Redis nobody is locked out: the key itself is what protects, the throttle only keeps guessing slow.
"""

import ipaddress
import logging

import redis
from django.conf import settings
from django.http import HttpRequest, HttpResponse

from accounts import redis_client

LIMIT = 10
WINDOW_SECONDS = 300
_SECONDS = 1
log = logging.getLogger("nexus.dashboard")


def address_of(request: HttpRequest) -> str:
    """The peer's address; behind TRUSTED_PROXIES the last one in X-Forwarded-For that none of them has. IPv6 counts by /64."""
    hops = [part.strip() for part in request.headers.get("X-Forwarded-For", "").split(",") if part.strip()]
    address = request.META.get("REMOTE_ADDR", "")
    while hops and _is_trusted(address):
        address = hops.pop()
    return _network(address)


def _parse(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        return None


def _is_trusted(address: str) -> bool:
    parsed = _parse(address)
    return parsed is not None and any(parsed in network for network in settings.TRUSTED_PROXIES)


def _network(address: str) -> str:
    parsed = _parse(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed or "unknown")


def wait_of(address: str) -> int:
    """How many seconds an address that has used up its tries has to wait; 0 where it has some left."""
    try:
        with redis_client.client(_SECONDS).pipeline() as pipe:
            pipe.get(_key(address))
            pipe.ttl(_key(address))
            tried, left = pipe.execute()
    except redis.RedisError as error:
        log.warning("signin.throttle_unavailable", extra={"error": type(error).__name__})
        return 0
    return max(left, 1) if int(tried or 0) >= LIMIT else 0


def advice(seconds: int) -> str:
    """What a page says to who has to wait so long."""
    minutes = -(-seconds // 60)
    return f"Wait {minutes} minute{'' if minutes == 1 else 's'}, then try again."


def refuse(response: HttpResponse, seconds: int) -> HttpResponse:
    """Make an answer the one of who has to wait (RFC 6585 §4)."""
    response.status_code = 429
    response.headers["Retry-After"] = str(seconds)
    return response


def count(address: str) -> None:
    """Note one wrong key."""
    try:
        with redis_client.client(_SECONDS).pipeline() as pipe:
            pipe.set(_key(address), 0, ex=WINDOW_SECONDS, nx=True)
            pipe.incr(_key(address))
            pipe.execute()
    except redis.RedisError as error:
        log.warning("signin.throttle_unavailable", extra={"error": type(error).__name__})


def _key(address: str) -> str:
    return f"nexus:signin:{address}"
