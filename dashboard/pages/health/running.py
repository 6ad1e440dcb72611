"""What runs beside the proxies: worker and beat, PostgreSQL, Redis; posts to Slack; which versions all of it has."""

import platform
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import django
import redis
from django.conf import settings
from django.db import connection

from accounts import redis_client
from dashboard.pages.health.checks import Check, Section, State, good_if
from dashboard.templatetags.nexus import duration, grouped, local
from proxy.record import INGEST_QUEUE
from proxy.store import pulse
from proxy.store.notifications.delivery_counts import counts, last_posts
from proxy.store.notifications.slack_config import EVERYBODY, recipient_of

# So many batches wait only where workers are too slow or away.
MANY_WAITING = 200
_REDIS_SECONDS = 1
_NO_REDIS = (
    "Redis does not answer: see REDIS_URL, and that it runs. Proxies go on, and their records wait in spools."
)


def services() -> Section:
    """Worker, beat and queues."""
    try:
        checks = list(_worker())
    except (redis.RedisError, ValueError):
        checks = [Check("Redis", "no answer", State.BAD, _NO_REDIS)]
    return Section("services", "Worker and beat", checks)


def _worker() -> Iterator[Check]:
    now, last = time.time(), pulse.last()
    if last is None:
        yield Check(
            "Last word",
            "never",
            State.WARN,
            "No worker has done yet what beat asks for: start both.",
            "make worker",
        )
    else:
        late = last.is_late(now)
        to_do = "Nobody asks, or nobody does it: see that beat and a worker run." if late else ""
        yield Check(
            "Last word",
            f"{duration(1000 * max(0, now - last.at))} ago, {last.worker}",
            good_if(not late),
            to_do,
        )
    waiting = pulse.waiting(INGEST_QUEUE)
    many = waiting > MANY_WAITING
    to_do = "Workers are too slow or away: start more of them; they share the queue." if many else ""
    yield Check("Batches in the queue", grouped(waiting), good_if(not many), to_do)
    yield Check("Other tasks in the queue", grouped(pulse.waiting("nexus")))


def slack() -> Section:
    """What became of posts, since Redis was last empty."""
    try:
        checks = list(_posts())
    except (redis.RedisError, ValueError):
        checks = [Check("Posts", "not known", State.BAD, _NO_REDIS)]
    return Section("slack", "Slack", checks)


def _posts() -> Iterator[Check]:
    found, last = counts()["slack"], last_posts()
    is_on = recipient_of(EVERYBODY) is not None
    yield Check("Webhook for everybody", "set" if is_on else "not set: domains may have their own")
    yield Check("Delivered", f"{grouped(found['delivered'])}, last {_moment(last['delivered'])}")
    is_newer = last["failed"] > last["delivered"]
    to_do = (
        "Send a test message from the domain's page in the admin: it says what Slack answers."
        if is_newer
        else ""
    )
    failed = f"{grouped(found['failed'])}, last {_moment(last['failed'])}"
    yield Check("Failed for good", failed, State.BAD if is_newer else State.INFO, to_do)
    yield Check("Dropped", f"{grouped(found['dropped'])}, last {_moment(last['dropped'])}")
    yield Check("Waiting", grouped(found["waiting"]))


def versions() -> Section:
    """What runs here."""
    checks = [
        Check("Nexus", settings.VERSION),
        Check("Python", platform.python_version()),
        Check("Django", django.get_version()),
        Check("PostgreSQL", _postgresql()),
        _redis(),
    ]
    return Section("versions", "Versions", checks)


def _postgresql() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


def _redis() -> Check:
    try:
        return Check("Redis", str(redis_client.client(_REDIS_SECONDS).info("server")["redis_version"]))
    except (redis.RedisError, ValueError, KeyError):
        return Check("Redis", "no answer", State.BAD, _NO_REDIS)


def _moment(at: float) -> str:
    return local(datetime.fromtimestamp(at, UTC)) if at else "never"
