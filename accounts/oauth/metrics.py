"""Counts of refreshes over all processes and restarts, in one Redis hash (`/oauth-metrics`, docs/predecessor.md#oauth-metrics)."""

import logging
from datetime import timedelta

from django.db import Error as DatabaseFailure
from django.utils import timezone
from redis.exceptions import RedisError

from accounts.credentials.health import connection
from accounts.models import LEASE_SECONDS, Credential

log = logging.getLogger("nexus.oauth")

HASH = "nexus:oauth"
ATTEMPTS, SUCCESSES, FAILURES, WAITS, TIME_MS, INTERRUPTED = NAMES = (
    "attempts", "successes", "failures", "concurrentWaits", "totalRefreshTime", "interrupted",
)  # fmt: skip


def count(name: str, by: int = 1) -> None:
    """Add to one of NAMES. Without Redis the count is lost, and nothing else."""
    try:
        connection().hincrby(HASH, name, by)
    except (RedisError, ValueError) as error:
        log.info("oauth.not_counted", extra={"count": name, "why": type(error).__name__})


def read() -> dict[str, int | None]:
    """All of NAMES (times in ms), and how many rows are being refreshed and failed last; None where nobody can say."""
    try:
        reported = connection().hgetall(HASH)
        counts: dict[str, int | None] = {name: int(reported.get(name, 0)) for name in NAMES}
    except (RedisError, ValueError):
        counts = dict.fromkeys(NAMES)
    return counts | _now()


def _now() -> dict[str, int | None]:
    alive = timezone.now() - timedelta(seconds=LEASE_SECONDS)
    try:
        active = Credential.objects.filter(refreshing_since__gt=alive).count()
        failed = Credential.objects.filter(refresh_failures__gt=0).count()
    except DatabaseFailure:
        return {"currentActiveRefreshes": None, "currentFailedRefreshes": None}
    return {"currentActiveRefreshes": active, "currentFailedRefreshes": failed}
