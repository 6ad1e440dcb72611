"""`manage.py check`: whether the settings of signing in belong together, and let in whom an operator means."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register

from dashboard.access import oidc

DOCUMENT = "See docs/signin.md."


@register(Tags.security)
def signin_settings(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """signin.E001: half a provider; E002: staff without groups; E003: groups that nothing brings; W001: anybody is let in."""
    found: list[CheckMessage] = []
    parts = {
        name: getattr(settings, name) for name in ("OIDC_ISSUER", "OIDC_CLIENT_ID", "OIDC_CLIENT_SECRET")
    }
    if any(parts.values()) and not all(parts.values()):
        missing = ", ".join(name for name, value in parts.items() if not value)
        found.append(
            _error(
                "E001", f"OpenID Connect is off, as {missing} is not set.", "Set it, or none of the three."
            )
        )
    if settings.OIDC_STAFF_GROUP and not settings.OIDC_GROUPS_CLAIM:
        found.append(
            _error(
                "E002", "OIDC_STAFF_GROUP is set without OIDC_GROUPS_CLAIM.", "Name the claim with groups."
            )
        )
    if settings.SIGNIN_GROUPS and not (settings.OIDC_GROUPS_CLAIM or settings.TRUSTED_HEADER_GROUPS):
        hint = "Set OIDC_GROUPS_CLAIM or TRUSTED_HEADER_GROUPS."
        found.append(_error("E003", "SIGNIN_GROUPS is set, and nothing brings groups.", hint))
    found += _header_settings()
    is_bounded = settings.OIDC_EMAIL_DOMAINS or settings.OIDC_REQUIRED_CLAIM
    if oidc.is_configured() and settings.SIGNIN_CREATE_USERS and not is_bounded:
        message = "Whoever has an account at the provider gets a user (SIGNIN_CREATE_USERS)."
        found.append(
            Warning(
                message, hint=f"Set OIDC_EMAIL_DOMAINS or OIDC_REQUIRED_CLAIM. {DOCUMENT}", id="signin.W001"
            )
        )
    return found


def _header_settings() -> list[CheckMessage]:
    """signin.E004: a header from nobody; W002: a header from everybody."""
    peers = settings.TRUSTED_HEADER_PEERS
    if settings.TRUSTED_HEADER_SIGNIN and not peers:
        return [
            _error(
                "E004", "TRUSTED_HEADER_SIGNIN is set, and nobody may send it.", "Set TRUSTED_HEADER_PEERS."
            )
        ]
    if settings.TRUSTED_HEADER_SIGNIN and any(peer.prefixlen == 0 for peer in peers):
        message = (
            "Whoever reaches the dashboard may sign in as anybody: TRUSTED_HEADER_PEERS holds every address."
        )
        return [Warning(message, hint=f"Name the proxies alone. {DOCUMENT}", id="signin.W002")]
    return []


def _error(number: str, message: str, hint: str) -> Error:
    return Error(message, hint=f"{hint} {DOCUMENT}", id=f"signin.{number}")
