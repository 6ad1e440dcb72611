"""What became of the posts to Slack and of the telemetry, as the workers count it in Redis."""

from proxy.store.notifications import post_queue, telemetry
from proxy.store.notifications.redis_link import connection

SLACK = ("delivered", "failed", "dropped")
TELEMETRY = ("delivered", "failed")


def counts() -> dict[str, dict[str, int]]:
    """By `slack` and `telemetry`; Slack's `waiting` is of all domains. Raises redis.RedisError, or ValueError without REDIS_URL."""
    waiting = sum(connection().llen(name) for name in connection().scan_iter(f"{post_queue.WAITING}*"))
    return {
        "slack": {**_read(post_queue.COUNTERS, SLACK), "waiting": waiting},
        "telemetry": _read(telemetry.COUNTERS, TELEMETRY),
    }


def last_posts() -> dict[str, float]:
    """When a post to Slack was last delivered, failed for good or dropped, in epoch seconds; 0 where never. Raises as `counts`."""
    found = connection().hgetall(f"{post_queue.COUNTERS}:last")
    return {counter: float(found.get(counter, 0)) for counter in SLACK}


def _read(name: str, counters: tuple[str, ...]) -> dict[str, int]:
    found = connection().hgetall(name)
    return {counter: int(found.get(counter, 0)) for counter in counters}
