"""From a provider's claims to an identity, or to the reason why nobody comes in with them. Pure but for the settings."""

from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from dashboard.access.identity import Identity, Refused, mapped

Claims = Mapping[str, Any]


def identity_of(claims: Claims) -> Identity:
    """Whom checked claims stand for. Raises Refused."""
    email, is_verified = _email(claims)
    _require_claim(claims)
    _require_domain(email, is_verified)
    theirs = listed(claims.get(settings.OIDC_GROUPS_CLAIM)) if settings.OIDC_GROUPS_CLAIM else None
    staff = settings.OIDC_STAFF_GROUP
    return Identity(
        issuer=settings.OIDC_ISSUER,
        subject=str(claims["sub"]),
        email=email if is_verified else "",
        name=str(claims.get("name") or "")[:150],
        groups=None if theirs is None else mapped(theirs, settings.SIGNIN_GROUPS),
        staff=staff in theirs if theirs is not None and staff else None,
    )


def listed(value: object) -> frozenset[str]:
    """The values of a claim, which may be a list, one text or missing."""
    values = value if isinstance(value, list) else [value]
    return frozenset(str(item) for item in values if isinstance(item, str | int | bool))


def _email(claims: Claims) -> tuple[str, bool]:
    """The address, in lower case, and whether it is theirs for certain."""
    email = str(claims.get("email") or "").strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        return "", False
    # Some providers write "true"; one that says nothing of it is believed only where an operator says so.
    verified = claims.get("email_verified")
    return email, verified in (True, "true") or (verified is None and settings.OIDC_TRUST_EMAIL)


def _require_claim(claims: Claims) -> None:
    if settings.OIDC_REQUIRED_CLAIM is None:
        return
    name, value = settings.OIDC_REQUIRED_CLAIM
    if value not in listed(claims.get(name)):
        raise Refused(
            "claim_missing",
            f"{settings.OIDC_NAME} does not say “{name}” of you as it must be: ask whoever runs it, or an operator of Nexus.",
        )


def _require_domain(email: str, is_verified: bool) -> None:
    if not settings.OIDC_EMAIL_DOMAINS:
        return
    if not is_verified:
        raise Refused(
            "email_unverified",
            f"{settings.OIDC_NAME} does not vouch for your e-mail address: confirm it there, then sign in again.",
        )
    if email.rpartition("@")[2] not in settings.OIDC_EMAIL_DOMAINS:
        raise Refused(
            "email_domain",
            "Addresses like yours may not sign in here: choose another account, or ask an operator.",
        )
