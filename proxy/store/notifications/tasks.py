"""The doors to Slack and telemetry: Celery tasks whose arguments hold no webhook and no key."""

from celery import shared_task
from django.db import InterfaceError, OperationalError
from redis.exceptions import RedisError

from proxy.store.notifications import post_queue, telemetry
from proxy.store.notifications.redis_link import connection

# Celery leaves a task of the future unconfirmed, and Redis gives it to another worker after
# visibility_timeout, 300 s.
LONGEST_COUNTDOWN_SECONDS = 240


@shared_task(
    name="notifications.deliver_slack",
    autoretry_for=(OperationalError, InterfaceError, RedisError),
    retry_backoff=True,
    retry_backoff_max=LONGEST_COUNTDOWN_SECONDS,
    max_retries=20,
)
def deliver_slack(domain: str, woken: bool = False) -> None:
    """Send what waits for a domain, and come again while something does."""
    wait = post_queue.drain(domain)
    if wait is None:
        return
    seconds = min(wait, LONGEST_COUNTDOWN_SECONDS)
    # While one task is due to come, the others need not; the one that came is due no more.
    due = connection().set(f"nexus:slack:due:{domain}", "1", px=max(1, round(seconds * 1000)), nx=not woken)
    if due:
        deliver_slack.apply_async((domain, True), countdown=seconds)


@shared_task(name="notifications.send_telemetry")
def send_telemetry(reports: list[telemetry.Report]) -> None:
    telemetry.send(reports)
