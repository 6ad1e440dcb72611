"""Sign-ins of users, for the audit: those that succeeded, and failed ones by the name of a user that there is."""

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.http import HttpRequest

from dashboard.access import throttle
from dashboard.audit.actor import ADMIN
from dashboard.audit.entries import Action, kind_of
from dashboard.models import AuditEntry


def connect() -> None:
    """Begin to listen; called once, when the app is ready."""
    user_logged_in.connect(_signed_in, dispatch_uid="dashboard.access.sign_ins.signed_in")
    user_login_failed.connect(_failed, dispatch_uid="dashboard.access.sign_ins.failed")


def _signed_in(request: HttpRequest, user: User, **_: Any) -> None:
    _keep(request, user, Action.SIGNED_IN)


def _failed(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """A name that nobody has is not kept: people type passwords into that field, and strangers anything."""
    typed = str(credentials.get("username", "")).replace("\x00", "")
    user = get_user_model().objects.filter(username=typed).first()
    if user is not None:
        _keep(request, user, Action.SIGN_IN_FAILED)


def _keep(request: HttpRequest | None, user: User, action: str) -> None:
    address = throttle.address_of(request) if request and request.META.get("REMOTE_ADDR") else ""
    AuditEntry.objects.create(
        who=user.get_username(),
        via=ADMIN,
        action=action,
        kind=kind_of(type(user)),
        object_id=str(user.pk),
        object_name=user.get_username(),
        message=f"From {address}." if address else "",
    )
