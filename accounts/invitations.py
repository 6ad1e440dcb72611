"""Invitations by a link: made by somebody who can give no more than they have, accepted once, within 72 hours.

The secret stands behind the `#` of the address, which browsers keep to themselves: no log, referrer or preview sees it.
"""

import hashlib
import logging
import secrets
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Invitation

LIFE = timedelta(hours=72)
PREFIX = "cnp_invite_"
PATH = "/dashboard/invitation"
log = logging.getLogger("nexus.access")


class NotInvited(Exception):
    """The invitation is not made; the message says what to do."""


class NotOpen(Exception):
    """It cannot be accepted any more; the message says why, and what to do."""


TROUBLE = {
    Invitation.State.ACCEPTED: "This invitation was used already. Sign in, or ask for another one.",
    Invitation.State.WITHDRAWN: "This invitation was withdrawn. Ask whoever sent it.",
    Invitation.State.EXPIRED: "This invitation is over: it was good for 72 hours. Ask for another one.",
}
TAKEN = "There is a user with this address or name already. Sign in, or ask whoever invited you."


def invite(email: str, groups: Iterable[Group], inviter: User | None) -> tuple[Invitation, str]:
    """A new invitation and its secret; without an inviter it comes from the command line. Raises NotInvited."""
    email, chosen = email.strip().lower(), list(groups)
    if len(email) > 150:
        raise NotInvited("The address is longer than the 150 characters that a user's name may have.")
    if _is_taken(email):
        raise NotInvited(
            f"There is a user with the address or name {email} already: give groups in the admin, under Users."
        )
    if inviter is not None and (beyond := [group.name for group in chosen if not may_give(inviter, group)]):
        raise NotInvited(f"You can give no more than you have yourself: {', '.join(beyond)} may do more.")
    secret = PREFIX + secrets.token_urlsafe(32)
    row = Invitation.objects.create(
        email=email,
        digest=_digest(secret),
        groups=sorted(group.name for group in chosen),
        inviter=inviter.get_username() if inviter else "",
        expires_at=timezone.now() + LIFE,
    )
    log.info("invitation.made", extra={"id": row.pk, "inviter": row.inviter or "command line"})
    return row, secret


def may_give(user: User, group: Group) -> bool:
    """Whether somebody has every right of a group."""
    rights = group.permissions.values_list("content_type__app_label", "codename")
    return user.has_perms([f"{label}.{codename}" for label, codename in rights])


def address(secret: str) -> str:
    """The link of an invitation."""
    base = settings.DASHBOARD_URL or f"http://{settings.HOST}:{settings.DASHBOARD_PORT}"
    return f"{base}{PATH}#{secret}"


def find(secret: str) -> Invitation | None:
    """The invitation of a secret."""
    return Invitation.objects.filter(digest=_digest(secret.strip())).first()


def require_open(row: Invitation) -> None:
    """Raises NotOpen, also where its inviter may not give any more what it gives."""
    if row.state is not Invitation.State.OPEN:
        raise NotOpen(TROUBLE[row.state])
    if row.inviter and not _still_may(row):
        raise NotOpen(TROUBLE[Invitation.State.WITHDRAWN])


def accept(number: int, prepare: Callable[[User], None], how: str) -> User:
    """The user that an invitation makes, once; `prepare` gives it a password or none. Raises NotOpen."""
    try:
        with transaction.atomic():
            row = Invitation.objects.select_for_update().filter(pk=number).first()
            if row is None:
                raise NotOpen(TROUBLE[Invitation.State.WITHDRAWN])
            require_open(row)
            if _is_taken(row.email):
                raise NotOpen(TAKEN)
            user = User(username=row.email, email=row.email)
            prepare(user)
            user.save()
            user.groups.set(Group.objects.filter(name__in=row.groups))
            row.accepted_at = timezone.now()
            row.save(update_fields=["accepted_at"])
            said = f"Accepted the invitation of {row.inviter or 'the command line'} by {how}."
            LogEntry.objects.log_actions(user.pk, [user], ADDITION, change_message=said, single_object=True)
    except IntegrityError as error:
        raise NotOpen(TAKEN) from error
    log.info("invitation.accepted", extra={"id": row.pk, "how": how, "user": user.get_username()})
    return user


def _is_taken(email: str) -> bool:
    return (
        User.objects.filter(email__iexact=email).exists()
        or User.objects.filter(username__iexact=email).exists()
    )


def _still_may(row: Invitation) -> bool:
    inviter = User.objects.filter(username=row.inviter, is_active=True).first()
    return inviter is not None and all(
        may_give(inviter, group) for group in Group.objects.filter(name__in=row.groups)
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
