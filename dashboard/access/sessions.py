"""Sessions lie in the database, so that they end: what belongs to nobody any more is deleted.

At once when somebody signs out or a user changes; every hour, and when the dashboard starts, for what has expired or was opened
by another DASHBOARD_API_KEY.
"""

import logging
import time
from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

from allauth.socialaccount.internal.statekit import STATE_TTL, STATES_SESSION_KEY
from django.contrib.auth import get_user
from django.contrib.auth.models import AnonymousUser, User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.db import Error, connection, transaction
from django.utils import timezone

from dashboard.access import signin

HOUR = 3600.0
INVITATION = "invitation"
_ALONE = "SELECT pg_try_advisory_xact_lock(hashtext('nexus_sessions'))"
# What a user's sessions depend on, beside whether there is one.
_COUNTS = frozenset({"password", "is_active"})
log = logging.getLogger("nexus.dashboard")


def is_open(key: str | None) -> bool:
    """Whether the session of this key opens the dashboard now: asked of the database, not of what a connection remembers."""
    session = SessionStore(key)
    return signin.session_is_open(session, _user(session))


def end_void() -> int:
    """Delete the sessions that are expired, of a user who may not sign in any more, or of another key; how many there were."""
    ended, _ = Session.objects.filter(expire_date__lt=timezone.now()).delete()
    for key in list(Session.objects.values_list("session_key", flat=True)):
        session = SessionStore(key)
        if (
            isinstance(_user(session), AnonymousUser)
            and not signin.has_key(session)
            and not is_pending(session)
        ):
            session.delete()
            ended += 1
    return ended


def is_pending(session: Mapping[str, Any] | SessionBase) -> bool:
    """Whether somebody is under way to the provider with it, or accepts an invitation."""
    states = session.get(STATES_SESSION_KEY) or {}
    is_under_way = any(time.time() - begun_at < STATE_TTL for _, begun_at, *_ in states.values())
    return is_under_way or invitation_of(session) is not None


def invitation_of(session: Mapping[str, Any] | SessionBase) -> int | None:
    """The number of the invitation whose secret was shown in this session within the last hour."""
    shown = session.get(INVITATION)
    return int(shown["id"]) if shown and time.time() - shown["at"] < HOUR else None


def clear() -> int | None:
    """`end_void` by one dashboard at a time; None where another one is at it."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(_ALONE)
            [is_alone] = cursor.fetchone()
        return end_void() if is_alone else None


def clear_hourly(seconds: float = HOUR) -> None:
    """Never returns: the work of a thread of the dashboard."""
    while True:
        try:
            clear()
        except Error as error:
            log.warning("sessions.not_cleared", extra={"why": f"{type(error).__name__}: {error}"})
        finally:
            connection.close()
        time.sleep(seconds)


def user_changed(*, created: bool = False, update_fields: frozenset[str] | None = None, **_: Any) -> None:
    """Receiver of post_save and post_delete of users."""
    if not created and (update_fields is None or update_fields & _COUNTS):
        end_void()


def _user(session: SessionStore) -> User | AnonymousUser:
    """As Django's middleware finds it: nobody where the user is inactive or has another password since."""
    user: User | AnonymousUser = get_user(SimpleNamespace(session=session))  # type: ignore[arg-type]  # all it reads
    return user
