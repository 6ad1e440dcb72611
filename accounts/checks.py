"""`manage.py check --deploy`: whether anybody may spend an operator's credential."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import Error as DatabaseFailure

from accounts.snapshot import credentials, exposure
from accounts.snapshot.exposure import Exposure

HINT = f"To close them, {exposure.ACTION}; see docs/credentials.md."
UNASKED = "Run this again where DATABASE_URL answers and is migrated, or set ENABLE_CLIENT_AUTH=true."


@register(Tags.security, deploy=True)
def open_domains(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """accounts.W001: open domains; W002: CLAUDE_API_KEY for everybody; W003: the database could not be asked for W001."""
    warnings: list[CheckMessage] = []
    try:
        found = exposure.now()
    except DatabaseFailure as error:
        # Nothing is known of domains then: their keys may stand there.
        found = Exposure((), default=credentials.from_environment() is not None)
        message = f"The database could not be asked which domains are open ({type(error).__name__})."
        warnings.append(Warning(message, hint=UNASKED, id="accounts.W003"))
    if found.domains:
        named = Exposure(found.domains).words
        message = f"Whoever reaches the proxy spends the credential of these domains, without a client key: {named}."
        warnings.append(Warning(message, hint=HINT, id="accounts.W001"))
    if found.default:
        message = "Whoever reaches the proxy spends CLAUDE_API_KEY, without a client key."
        warnings.append(
            Warning(message, hint="Set ENABLE_CLIENT_AUTH=true, or no CLAUDE_API_KEY.", id="accounts.W002")
        )
    return warnings
