"""From an identity to a user: who is known, who may be made, and which groups follow.

A known identity is a row of allauth's that joins issuer and subject to a user. A first sign-in finds its user by an e-mail
address that is certain; whoever manages Nexus is found so only where the provider says that they may, superusers never.
"""

import logging

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.db import transaction

from dashboard.access.identity import Identity, Refused

log = logging.getLogger("nexus.access")
UNKNOWN = "Nobody is known here by that name yet. Ask an operator for an invitation, then sign in again."
INACTIVE = "Your user here is switched off. Ask an operator, who switches it on in the admin, under Users."
AMBIGUOUS = (
    "Several users here have your e-mail address. Ask an operator to leave it with the one that is yours."
)
STAFF = (
    "The user with your e-mail address manages Nexus, and such a user is not joined to another system by address alone. "
    "Sign in with your password."
)


def find(identity: Identity, how: str) -> User:
    """The user of an identity, with the groups that it brings. Raises Refused."""
    with transaction.atomic():
        account = (
            SocialAccount.objects.select_related("user")
            .filter(provider=identity.issuer, uid=identity.subject)
            .first()
        )
        user: User = account.user if account else _joined(identity, how)
        if not user.is_active:
            raise Refused("inactive", INACTIVE)
        follow(user, identity)
    return user


def follow(user: User, identity: Identity) -> None:
    """Give the groups that the identity brings and take those that it brings no more; what an operator gave by hand stays."""
    if identity.groups is not None:
        managed = {here for _, here in settings.SIGNIN_GROUPS}
        held = set(user.groups.filter(name__in=managed).values_list("name", flat=True))
        if held != identity.groups:
            missing = identity.groups - held
            found = list(Group.objects.filter(name__in=missing))
            user.groups.add(*found)
            user.groups.remove(*Group.objects.filter(name__in=held - identity.groups))
            _report_groups(user, identity, held, {group.name for group in found})
    if identity.staff is not None and not user.is_superuser and user.is_staff != identity.staff:
        user.is_staff = identity.staff
        user.save(update_fields=["is_staff"])
        note(user, f"May {'now' if identity.staff else 'no longer'} use the admin, as the provider says.")


def note(user: User, what: str) -> None:
    """An entry of the audit under the user's own name: nobody else did it."""
    LogEntry.objects.log_actions(user.pk, [user], CHANGE, change_message=what, single_object=True)


def _report_groups(user: User, identity: Identity, held: set[str], found: set[str]) -> None:
    groups = identity.groups or frozenset()
    if unknown := sorted(groups - held - found):
        log.warning("signin.group_missing", extra={"groups": ", ".join(unknown)})
    if found or held - groups:
        gained, lost = sorted(found), sorted(held - groups)
        note(
            user,
            f"Groups by sign-in: gained {', '.join(gained) or 'none'}, lost {', '.join(lost) or 'none'}.",
        )


def _joined(identity: Identity, how: str) -> User:
    """The user whom a first sign-in is for, joined to the identity from now on."""
    user = _by_email(identity) or _made(identity, how)
    SocialAccount.objects.create(provider=identity.issuer, uid=identity.subject, user=user)
    note(user, f"Joined to an identity of {identity.issuer}.")
    return user


def _by_email(identity: Identity) -> User | None:
    if not identity.email:
        return None
    users = list(User.objects.filter(email__iexact=identity.email)[:2])
    if len(users) > 1:
        raise Refused("ambiguous", AMBIGUOUS)
    if users and (users[0].is_superuser or (users[0].is_staff and not identity.staff)):
        raise Refused("staff", STAFF)
    return users[0] if users else None


def _made(identity: Identity, how: str) -> User:
    if not settings.SIGNIN_CREATE_USERS or not identity.email:
        raise Refused("unknown_user", UNKNOWN)
    if User.objects.filter(username__iexact=identity.email).exists():
        raise Refused("ambiguous", AMBIGUOUS)
    first, _, last = identity.name.partition(" ")
    user = User.objects.create_user(identity.email, identity.email, first_name=first, last_name=last)
    log.info("signin.user_created", extra={"how": how, "user": user.get_username()})
    return user
