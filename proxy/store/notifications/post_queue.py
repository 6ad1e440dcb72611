"""Posts that wait for Slack: one queue a domain in Redis, posted in the order in which they were stored.

One worker at a time sends a domain's posts. What fails stays at the head; meanwhile every post to that webhook,
of all domains, waits. No webhook's address is kept here: it is looked up when a post is sent.
"""

import hashlib
import json
import logging
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace

from redis.exceptions import LockError
from redis.lock import Lock

from accounts.backoff import pause
from proxy.store.notifications import slack_post
from proxy.store.notifications.redis_link import connection
from proxy.store.notifications.slack_config import recipient_of

log = logging.getLogger("nexus.slack")

COUNTERS = "nexus:slack"
WAITING = "nexus:slack:waiting:"
MOST_WAITING = 1000
MOST_TRIES = 10
OLDEST_SECONDS = 24 * 3600
# Longer than one post can take, so that no second worker sends the same head.
LOCK_SECONDS = 120
LOCKED_WAIT_SECONDS = 5.0
FIRST_BACKOFF_SECONDS = 2.0
LONGEST_BACKOFF_SECONDS = 240.0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A post in the queue; `queued_at` is epoch seconds."""

    exchange_id: str
    post: Mapping[str, object]
    queued_at: float
    tries: int = 0


def put(domain: str, exchange_id: str, post: Mapping[str, object]) -> bool:
    """Append a post; False (and counted) when too many wait already."""
    if connection().llen(_queue(domain)) >= MOST_WAITING:
        _count("dropped")
        return False
    connection().rpush(_queue(domain), _encode(Waiting(exchange_id, post, time.time())))
    return True


def drain(domain: str) -> float | None:
    """Send what waits for a domain; the seconds after which to come again, None when nothing waits."""
    lock = connection().lock(f"nexus:slack:lock:{domain}", timeout=LOCK_SECONDS)
    while connection().llen(_queue(domain)):
        if not lock.acquire(blocking=False):
            return LOCKED_WAIT_SECONDS
        try:
            wait = _send_head(domain)
        finally:
            _release(lock)
        if wait:
            return wait
    return None


def _send_head(domain: str) -> float:
    """Deliver, drop or keep the first post; the seconds to wait before the next one, 0 for none."""
    head = connection().lindex(_queue(domain), 0)
    if head is None:
        return 0.0
    waiting = Waiting(**json.loads(head))
    recipient = recipient_of(domain)
    if recipient is None or time.time() - waiting.queued_at > OLDEST_SECONDS:
        return _done(domain, "dropped")
    held = _held_seconds(recipient.webhook_url)
    if held:
        return held
    try:
        slack_post.send(recipient.webhook_url, {**waiting.post, **recipient.looks()})
    except slack_post.Undeliverable as error:
        return _give_up(domain, waiting, str(error))
    except slack_post.NotNow as error:
        return _keep(domain, waiting, recipient.webhook_url, error)
    return _done(domain, "delivered")


def _keep(domain: str, waiting: Waiting, webhook_url: str, error: slack_post.NotNow) -> float:
    """Hold the webhook: as long as Slack asks, which is no failed try, else with growing, scattered pauses."""
    if error.wait_seconds is not None:
        return _hold(webhook_url, error.wait_seconds)
    tried = replace(waiting, tries=waiting.tries + 1)
    if tried.tries >= MOST_TRIES:
        return _give_up(domain, tried, f"{error}; given up after {MOST_TRIES} tries")
    connection().lset(_queue(domain), 0, _encode(tried))
    return _hold(webhook_url, pause(tried.tries, FIRST_BACKOFF_SECONDS, LONGEST_BACKOFF_SECONDS))


def _give_up(domain: str, waiting: Waiting, why: str) -> float:
    log.warning("slack.undeliverable", extra={"domain": domain, "exchange": waiting.exchange_id, "why": why})
    return _done(domain, "failed")


def _done(domain: str, counter: str) -> float:
    connection().lpop(_queue(domain))
    _count(counter)
    return 0.0


def _count(counter: str) -> None:
    connection().hincrby(COUNTERS, counter, 1)
    connection().hset(f"{COUNTERS}:last", counter, time.time())


def _hold(webhook_url: str, seconds: float) -> float:
    if _held_seconds(webhook_url) < seconds:
        connection().set(_hold_key(webhook_url), "1", px=round(seconds * 1000))
    return seconds


def _held_seconds(webhook_url: str) -> float:
    return max(0, connection().pttl(_hold_key(webhook_url))) / 1000


def _hold_key(webhook_url: str) -> str:
    return f"nexus:slack:hold:{hashlib.sha256(webhook_url.encode()).hexdigest()}"


def _queue(domain: str) -> str:
    return f"{WAITING}{domain}"


def _encode(waiting: Waiting) -> str:
    return json.dumps(asdict(waiting))


def _release(lock: Lock) -> None:
    try:
        lock.release()
    except LockError:  # the post took longer than the lock lives; the next one takes a lock of its own
        log.warning("slack.slow_post", extra={"seconds": LOCK_SECONDS})
