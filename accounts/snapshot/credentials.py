"""Operator credentials from their three sources, as the decision sees them."""

import math
from datetime import datetime
from pathlib import Path

from django.conf import settings

from accounts.access.decision import AccessCredential
from accounts.credentials.files import CredentialFile
from accounts.models import Credential


def from_row(credential: Credential) -> AccessCredential:
    """A row of the database; a credential that waits for a login is not refreshed again."""
    account = credential.account_id or credential.name
    if credential.kind == Credential.Kind.API_KEY:
        return AccessCredential(
            "database", str(credential.pk), "api_key", _sendable(credential.api_key), account
        )
    return AccessCredential(
        source="database",
        reference=str(credential.pk),
        kind="oauth",
        secret=_sendable(credential.access_token),
        account=account,
        expires_at=_epoch(credential.expires_at),
        refreshable=bool(credential.refresh_token) and credential.state == Credential.State.VALID,
    )


def from_unreadable_row(pk: int, kind: str, account: str) -> AccessCredential:
    """A row that no key decrypts: it pays nothing, and records can still name it."""
    return AccessCredential("database", str(pk), kind, "", account)


def from_file(file: CredentialFile) -> AccessCredential:
    """A credential file; one whose refresh token is dead is not refreshed again."""
    account = file.account_id or file.path.name
    if file.kind == "api_key":
        return AccessCredential("file", str(file.path), "api_key", _sendable(file.api_key), account)
    return AccessCredential(
        source="file",
        reference=str(file.path),
        kind="oauth",
        secret=_sendable(file.access_token),
        account=account,
        expires_at=_epoch(file.expires_at),
        refreshable=bool(file.refresh_token) and file.dead is None,
    )


def from_broken_file(path: Path) -> AccessCredential:
    """A file that cannot be used: it pays nothing, and records can still name it."""
    return AccessCredential("file", str(path), "api_key", "", path.name)


def from_environment() -> AccessCredential | None:
    """CLAUDE_API_KEY: an API key, or an OAuth token where it starts with `Bearer ` or `sk-ant-oat`."""
    value: str = settings.CLAUDE_API_KEY
    if not value:
        return None
    token = value.removeprefix("Bearer ").strip()
    is_bearer = token != value and not token.startswith("sk-ant-api")
    kind = "oauth" if is_bearer or token.startswith("sk-ant-oat") else "api_key"
    return AccessCredential("environment", "CLAUDE_API_KEY", kind, token, "CLAUDE_API_KEY")


def _sendable(secret: str) -> str:
    """The secret, "" where it is no header's value: a line break pasted into a key would break every request."""
    return secret if secret.isascii() and secret.isprintable() else ""


def _epoch(moment: datetime | None) -> float:
    return moment.timestamp() if moment else math.inf
