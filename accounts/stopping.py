"""Stop a request or a session, and lift that again: a row, a line of the audit, and word to every proxy process.

Word goes by Redis and is heard at once; without it the access snapshot tells within two seconds.
"""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import redis
from django.conf import settings
from django.contrib.admin.models import ADDITION, CHANGE, LogEntry
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection, transaction
from django.utils import timezone

from accounts import redis_client
from accounts.access.stops import MAX_SESSION
from accounts.models.stops import MOST_STOPS, Stop

log = logging.getLogger("nexus.stops")

CHANNEL = "nexus:stops"
PERMISSION = "dashboard.stop_streams"
# A request that is stopped is gone at once: so long every process may hear of it.
REQUEST_SECONDS = 60
# How long people may choose to stop a session, in minutes; the API and the command take any number up to the last.
CHOICES = ((15, "15 minutes"), (60, "1 hour"), (24 * 60, "24 hours"))
MOST_MINUTES = 7 * 24 * 60
_REDIS_SECONDS = 1.0
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtext('nexus_stops'))"


class NotStopped(Exception):
    """It cannot be stopped or lifted; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Target:
    """What to stop: a session of a domain, or with `exchange` that one request of it."""

    domain: str
    session: str = ""
    exchange: UUID | None = None


def stop(target: Target, minutes: int, user: User) -> Stop:
    """Stop it: a session for so many minutes, a request for good. Raises NotStopped."""
    domain, session = _clean(target.domain).lower(), _clean(target.session)
    if not domain or not (session or target.exchange):
        raise NotStopped("Name a domain, and the session or the request to stop.")
    if len(domain) > 260 or len(session) > MAX_SESSION:
        raise NotStopped(f"A session's id has {MAX_SESSION} characters at most, a domain 260.")
    if not 1 <= minutes <= MOST_MINUTES:
        raise NotStopped(f"A session is stopped for 1 to {MOST_MINUTES} minutes (7 days).")
    span = timedelta(seconds=REQUEST_SECONDS) if target.exchange else timedelta(minutes=minutes)
    now = timezone.now()
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_ONE_AT_A_TIME)
        check_room(now)
        row = Stop.objects.create(
            domain=domain,
            session_id=session,
            exchange_id=target.exchange,
            until=now + span,
            stopped_at=now,
            stopped_by=user.get_username(),
        )
        _audit(row, user, ADDITION, f"Stopped {_until(row)}.")
    log.warning(
        "stops.stopped", extra={"stop": row.pk, "what": str(row), "by": row.stopped_by, "until": row.until}
    )
    _announce(row)
    return row


def lift(number: int, user: User) -> Stop:
    """End a stop before its time. Raises NotStopped."""
    with transaction.atomic():
        row = Stop.objects.select_for_update().filter(pk=number).first()
        if row is None:
            raise NotStopped(f"There is no stop {number}.")
        if not row.holds(timezone.now()):
            raise NotStopped(f"Stop {number} is over already.")
        row.lifted_at, row.lifted_by = timezone.now(), user.get_username()
        row.save(update_fields=["lifted_at", "lifted_by"])
        _audit(row, user, CHANGE, f"Lifted; it was to hold {_until(row)}.")
    log.info("stops.lifted", extra={"stop": row.pk, "what": str(row), "by": row.lifted_by})
    _announce(row)
    return row


def check_room(now: datetime) -> None:
    """Raise NotStopped where proxies hold as many stops as they take."""
    if Stop.objects.in_force(now).count() >= MOST_STOPS:
        raise NotStopped(
            f"{MOST_STOPS} stops are in force, which is the most: lift some that are not needed."
        )


def active(now: datetime, domain: str = "", session: str = "") -> list[Stop]:
    """Sessions that are stopped now, the newest first."""
    rows = Stop.objects.in_force(now).filter(exchange_id=None)
    if domain:
        rows = rows.filter(domain=domain)
    if session:
        rows = rows.filter(session_id=session[:MAX_SESSION])
    return list(rows[:MOST_STOPS])


def _clean(text: str) -> str:
    return text.strip().replace("\x00", "")  # PostgreSQL's texts cannot hold it


def _until(row: Stop) -> str:
    return "this request alone" if row.exchange_id else f"until {row.until:%Y-%m-%d %H:%M} UTC"


def _audit(row: Stop, user: User, action: int, message: str) -> None:
    LogEntry.objects.create(
        user_id=user.pk,
        content_type_id=ContentType.objects.get_for_model(Stop).pk,
        object_id=str(row.pk),
        object_repr=str(row)[:200],
        action_flag=action,
        change_message=message,
    )


def _announce(row: Stop) -> None:
    """Tell the proxies that listen, after the commit; whoever does not hear it reads it in the next snapshot."""
    if not settings.REDIS_URL:
        return
    message = msgspec.json.encode(row.heard()).decode()

    def tell() -> None:
        try:
            redis_client.client(_REDIS_SECONDS).publish(CHANNEL, message)
        except redis.RedisError as error:
            action = "bring Redis back; until then proxies hear of a stop within two seconds, by the database"
            log.warning("stops.unannounced", extra={"why": type(error).__name__, "action": action})

    transaction.on_commit(tell)
