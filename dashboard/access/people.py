"""From an identity to a user: who is known, who may be made, and which groups follow.

A known identity is a row of allauth's that joins issuer and subject to a user. A first sign-in finds its user by an e-mail
address that is certain; whoever manages Nexus is found so only where the provider says that they may, superusers never.
"""

import logging

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.auth.models import Group, User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts import invitations
from accounts.models import Invitation
from dashboard.access.identity import Identity, Refused

log = logging.getLogger("nexus.access")
UNKNOWN = "Nobody is known here by that name yet. Ask an operator for an invitation, then sign in again."
INACTIVE = "Your user here is switched off. Ask an operator, who switches it on in the admin, under Users."
AMBIGUOUS = (
    "Several users here have your e-mail address. Ask an operator to leave it with the one that is yours."
)
OTHER_EMAIL = (
    "Your invitation is for another e-mail address than the one that you signed in with. Choose the account with that "
    "address, or accept the invitation with a password."
)
STAFF = (
    "The user with your e-mail address manages Nexus, and such a user is not joined to another system by address alone. "
    "Sign in with your password."
)


def find(identity: Identity, how: str, invitation: int | None = None) -> User:
    """The user of an identity, with the groups that it brings; who is not known may have an invitation. Raises Refused."""
    with transaction.atomic():
        account = (
            SocialAccount.objects.select_related("user")
            .filter(provider=identity.issuer, uid=identity.subject)
            .first()
        )
        user: User = account.user if account else _joined(identity, how, invitation)
        if not user.is_active:
            raise Refused("inactive", INACTIVE)
        follow(user, identity)
    return user


def named(name: str, groups: frozenset[str] | None, how: str) -> User:
    """The user that a trusted header names, by user name, else by e-mail address. Raises Refused, also for who manages Nexus."""
    user = User.objects.filter(username=name).first()
    if user is None and "@" in name:
        user = _by_email(name.lower(), may_be_staff=False)
    if user is None:
        user = _made_by_name(name, how)
    if user.is_staff or user.is_superuser:
        raise Refused("staff", STAFF)
    if not user.is_active:
        raise Refused("inactive", INACTIVE)
    follow(user, Identity("", name, groups=groups))
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


def _joined(identity: Identity, how: str, invitation: int | None) -> User:
    """The user whom a first sign-in is for, joined to the identity from now on."""
    user = _by_email(identity.email, may_be_staff=bool(identity.staff)) if identity.email else None
    if user is None:
        if not identity.email:
            raise Refused("unknown_user", UNKNOWN)
        user = (
            _invited(identity, how, invitation)
            if invitation
            else _made_by_name(identity.email, how, identity.name)
        )
    SocialAccount.objects.create(provider=identity.issuer, uid=identity.subject, user=user)
    note(user, f"Joined to an identity of {identity.issuer}.")
    return user


def _invited(identity: Identity, how: str, invitation: int) -> User:
    """The invitation is for an address, which the provider has to vouch for."""
    if not Invitation.objects.filter(pk=invitation, email__iexact=identity.email).exists():
        raise Refused("invitation_email", OTHER_EMAIL)
    try:
        return invitations.accept(invitation, lambda user: user.set_unusable_password(), how)
    except invitations.NotOpen as error:
        raise Refused("invitation_not_open", str(error)) from error


def _by_email(email: str, *, may_be_staff: bool) -> User | None:
    users = list(User.objects.filter(email__iexact=email)[:2])
    if len(users) > 1:
        raise Refused("ambiguous", AMBIGUOUS)
    if users and (users[0].is_superuser or (users[0].is_staff and not may_be_staff)):
        raise Refused("staff", STAFF)
    return users[0] if users else None


def _made_by_name(name: str, how: str, full_name: str = "") -> User:
    """A new user without any right, if an operator wants such to be made."""
    if not settings.SIGNIN_CREATE_USERS or len(name) > 150:
        raise Refused("unknown_user", UNKNOWN)
    if User.objects.filter(username__iexact=name).exists():
        raise Refused("ambiguous", AMBIGUOUS)
    try:
        User.username_validator(name)
    except ValidationError:
        raise Refused("unknown_user", UNKNOWN) from None
    first, _, last = full_name.partition(" ")
    email = name if "@" in name else ""
    try:
        with transaction.atomic():
            user = User.objects.create_user(name, email, first_name=first, last_name=last)
    except IntegrityError:  # another request of theirs came first
        return User.objects.get(username=name)
    log.info("signin.user_created", extra={"how": how, "user": user.get_username()})
    return user
