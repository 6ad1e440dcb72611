"""Refresh OAuth tokens: one at a time per credential over all processes, saved before they are used (predecessor §2.6)."""

import logging
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts import credential_files
from accounts.access import REFRESH_AHEAD_SECONDS, Payer
from accounts.models import Credential

log = logging.getLogger("nexus.oauth")

OAUTH_BETA = "oauth-2025-04-20"
DEFAULT_SCOPES = ["org:create_api_key", "user:profile", "user:inference"]
TIMEOUT_SECONDS = 15.0


class RefreshFailed(Exception):
    """The token could not be refreshed; `permanent` means that a person must sign in again."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.permanent = permanent


@dataclass(frozen=True, slots=True)
class Tokens:
    """A fresh pair and when its access token ends."""

    access_token: str
    refresh_token: str
    expires_at: datetime
    scopes: list[str]


def request_tokens(refresh_token: str) -> Tokens:
    """Ask the token endpoint for a new pair; raises RefreshFailed."""
    payload = {
        "client_id": settings.CLAUDE_OAUTH_CLIENT_ID,
        "refresh_token": refresh_token,
        "grant_type": "refresh_token",
    }
    try:
        answer = httpx.post(
            settings.CLAUDE_OAUTH_TOKEN_URL,
            json=payload,
            headers={"anthropic-beta": OAUTH_BETA},
            timeout=TIMEOUT_SECONDS,
        )
    except httpx.HTTPError as error:
        raise RefreshFailed(f"the token endpoint did not answer ({type(error).__name__})") from error
    if answer.status_code != 200:
        permanent = answer.status_code in {400, 401}
        hint = "; sign in again" if permanent else ""
        raise RefreshFailed(f"the token endpoint answered {answer.status_code}{hint}", permanent=permanent)
    return _tokens(answer, refresh_token)


def _tokens(answer: httpx.Response, refresh_token: str) -> Tokens:
    try:
        data = answer.json()
        lifetime = timedelta(seconds=float(data["expires_in"]))
        return Tokens(
            access_token=str(data["access_token"]),
            refresh_token=str(data.get("refresh_token") or refresh_token),
            expires_at=timezone.now() + lifetime,
            scopes=str(data["scope"]).split() if data.get("scope") else DEFAULT_SCOPES,
        )
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise RefreshFailed("the token endpoint's answer holds no tokens") from error


def refresh(payer: Payer) -> None:
    """Renew the tokens of one credential where it is kept, unless somebody else just did; raises RefreshFailed."""
    if payer.source == "file":
        _refresh_file(Path(payer.reference))
    else:
        _refresh_row(int(payer.reference))


def _fresh(expires_at: datetime | None) -> bool:
    return expires_at is not None and expires_at > datetime.now(UTC) + timedelta(
        seconds=REFRESH_AHEAD_SECONDS
    )


def _refresh_row(pk: int) -> None:
    failure: RefreshFailed | None = None
    with transaction.atomic():
        credential = Credential.objects.select_for_update().get(pk=pk)
        if _fresh(credential.expires_at):  # another process was faster, and its pair is the valid one
            return
        try:
            tokens = request_tokens(credential.refresh_token)
            credential.save_tokens(
                tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes
            )
        except RefreshFailed as error:
            credential.save_failure(error.message, permanent=error.permanent)
            failure = error
    if failure:
        log.warning("oauth.refresh_failed", extra={"credential": pk, "why": failure.message})
        raise failure
    log.info("oauth.refreshed", extra={"credential": pk})


def _refresh_file(path: Path) -> None:
    try:
        with credential_files.locked(path):
            file = credential_files.read(path)
            if _fresh(file.expires_at) and file.access_token:
                return
            tokens = request_tokens(file.refresh_token)
            credential_files.write_tokens(
                path, tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes
            )
    except RefreshFailed as error:
        log.warning("oauth.refresh_failed", extra={"file": path.name, "why": error.message})
        raise
    except (OSError, credential_files.BadCredentialFile) as error:
        log.error("oauth.file_not_saved", extra={"file": path.name, "why": str(error)})
        raise RefreshFailed(f"{path.name}: {error}") from error
    log.info("oauth.refreshed", extra={"file": path.name})
