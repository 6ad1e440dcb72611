"""Operator credentials from their three sources, as the decision sees them."""

import math

from django.conf import settings

from accounts.access import Payer
from accounts.credential_files import CredentialFile
from accounts.models import Credential


def from_row(credential: Credential) -> Payer:
    """A row of the database; a credential that waits for a login is not refreshed again."""
    account = credential.account_id or credential.name
    if credential.kind == Credential.Kind.API_KEY:
        return Payer("database", str(credential.pk), "api_key", credential.api_key, account)
    return Payer(
        source="database",
        reference=str(credential.pk),
        kind="oauth",
        secret=credential.access_token,
        account=account,
        expires_at=credential.expires_at.timestamp() if credential.expires_at else math.inf,
        refreshable=bool(credential.refresh_token) and credential.state == Credential.State.VALID,
    )


def from_file(file: CredentialFile) -> Payer:
    """A credential file."""
    account = file.account_id or file.path.name
    if file.kind == "api_key":
        return Payer("file", str(file.path), "api_key", file.api_key, account)
    return Payer(
        source="file",
        reference=str(file.path),
        kind="oauth",
        secret=file.access_token,
        account=account,
        expires_at=file.expires_at.timestamp() if file.expires_at else math.inf,
        refreshable=bool(file.refresh_token),
    )


def from_environment() -> Payer | None:
    """CLAUDE_API_KEY: an API key, or an OAuth token where it starts with `Bearer ` or `sk-ant-oat`."""
    value = settings.CLAUDE_API_KEY
    if not value:
        return None
    token = value.removeprefix("Bearer ").strip()
    kind = (
        "oauth"
        if token.startswith("sk-ant-oat") or (token != value and not token.startswith("sk-ant-api"))
        else "api_key"
    )
    return Payer("environment", "CLAUDE_API_KEY", kind, token, "CLAUDE_API_KEY")
