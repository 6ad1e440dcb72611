"""`manage.py check --deploy`: whether anybody may spend an operator's credential."""

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.core.checks import CheckMessage, Tags, Warning, register
from django.db import Error as DatabaseFailure

from accounts import open_doors, payers
from accounts.open_doors import OpenDoors

HINT = f"To close them, {open_doors.MEND}; see docs/credentials.md."


@register(Tags.security, deploy=True)
def open_domains(app_configs: Sequence[AppConfig] | None, **options: Any) -> list[CheckMessage]:
    """accounts.W001: open domains; accounts.W002: CLAUDE_API_KEY for everybody."""
    found = _found()
    warnings: list[CheckMessage] = []
    if found.domains:
        named = OpenDoors(found.domains).words
        message = f"Whoever reaches the proxy spends the credential of these domains, without a client key: {named}."
        warnings.append(Warning(message, hint=HINT, id="accounts.W001"))
    if found.default:
        message = "Whoever reaches the proxy spends CLAUDE_API_KEY, without a client key."
        warnings.append(
            Warning(message, hint="Set ENABLE_CLIENT_AUTH=true, or no CLAUDE_API_KEY.", id="accounts.W002")
        )
    return warnings


def _found() -> OpenDoors:
    try:
        return open_doors.now()
    except DatabaseFailure:
        # Without the database nothing is known of domains: their keys may stand there.
        return OpenDoors((), default=payers.from_environment() is not None)
