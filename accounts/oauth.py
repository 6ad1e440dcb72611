"""Refresh OAuth tokens: one at a time per credential over all processes, saved before they are used (predecessor §2.6)."""

import logging
import ssl
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx
from django.conf import settings
from django.db import Error as DatabaseFailure
from django.db import transaction
from django.utils import timezone

from accounts import credential_files
from accounts.access import REFRESH_AHEAD_SECONDS, Payer
from accounts.fields import UnreadableSecret
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
            # As on the way to the API itself: the system's certificates, and no proxy of the environment.
            verify=ssl.create_default_context(),
            trust_env=False,
        )
    except httpx.HTTPError as error:
        raise RefreshFailed(f"the token endpoint did not answer ({type(error).__name__})") from error
    if answer.status_code != 200:
        permanent = answer.status_code in {400, 401}
        hint = "; sign in again" if permanent else ""
        raise RefreshFailed(f"the token endpoint answered {answer.status_code}{hint}", permanent=permanent)
    return _tokens(answer, refresh_token)


def _tokens(answer: httpx.Response, refresh_token: str) -> Tokens:
    """RFC 6749 §5.1: without a new refresh token in the answer the old one stays valid."""
    try:
        data = answer.json()
        access_token, successor, scope = data["access_token"], data.get("refresh_token"), data.get("scope")
        expires_at = timezone.now() + timedelta(seconds=float(data["expires_in"]))
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        raise RefreshFailed("the token endpoint's answer holds no tokens") from error
    if not isinstance(access_token, str) or not access_token:
        raise RefreshFailed("the token endpoint's answer holds no access token")
    return Tokens(
        access_token=access_token,
        refresh_token=successor if successor and isinstance(successor, str) else refresh_token,
        expires_at=expires_at,
        scopes=scope.split() if scope and isinstance(scope, str) else DEFAULT_SCOPES,
    )


def refresh(payer: Payer, *, rejected: bool = False) -> None:
    """Renew the tokens of one credential where it is kept, unless somebody else just did; raises RefreshFailed.

    `rejected` says that the API refused the payer's access token, so that it is no good however long it was to live.
    """
    refused = payer.secret if rejected else ""
    try:
        if payer.source == "file":
            _refresh_file(Path(payer.reference), refused)
        else:
            _refresh_row(int(payer.reference), refused)
    except RefreshFailed as failure:
        log.warning("oauth.refresh_failed", extra={"payer": payer.name, "why": failure.message})
        raise


def _fresh(access_token: str, expires_at: datetime | None, refused: str) -> bool:
    """Whether somebody else was faster: its pair is the valid one, as a refresh token works once."""
    ahead = timezone.now() + timedelta(seconds=REFRESH_AHEAD_SECONDS)
    return access_token not in {"", refused} and expires_at is not None and expires_at > ahead


def _refresh_row(pk: int, refused: str) -> None:
    try:
        with transaction.atomic():
            failure = _renew(Credential.objects.select_for_update().get(pk=pk), refused)
    except Credential.DoesNotExist as error:
        raise RefreshFailed("it has been deleted", permanent=True) from error
    except UnreadableSecret as error:
        raise RefreshFailed(str(error), permanent=True) from error
    except DatabaseFailure as error:
        raise RefreshFailed(f"the database does not answer ({type(error).__name__})") from error
    # Raised after the commit: an error within the transaction would undo the note of the failure.
    if failure:
        raise failure


def _renew(credential: Credential, refused: str) -> RefreshFailed | None:
    """Ask for a new pair and keep it in the locked row; a failure is kept there as well, and returned."""
    if _fresh(credential.access_token, credential.expires_at, refused):
        return None
    if credential.state == Credential.State.NEEDS_LOGIN:
        return RefreshFailed(credential.last_error, permanent=True)
    try:
        tokens = request_tokens(credential.refresh_token)
    except RefreshFailed as failure:
        credential.save_failure(failure.message, permanent=failure.permanent)
        return failure
    credential.save_tokens(tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes)
    # A field named after a credential would be masked.
    log.info("oauth.refreshed", extra={"payer": f"database:{credential.pk}"})
    return None


def _refresh_file(path: Path, refused: str) -> None:
    try:
        with credential_files.locked(path):
            file = credential_files.read(path)
            if _fresh(file.access_token, file.expires_at, refused):
                return
            tokens = request_tokens(file.refresh_token)
            credential_files.write_tokens(
                path, tokens.access_token, tokens.refresh_token, tokens.expires_at, tokens.scopes
            )
    except OSError as error:
        mend = "make its folder writable for Nexus"
        raise RefreshFailed(f"{path.name} cannot be written ({error.strerror}): {mend}") from error
    except credential_files.BadCredentialFile as error:
        raise RefreshFailed(f"{path.name}: {error}", permanent=True) from error
    log.info("oauth.refreshed", extra={"payer": f"file:{path.name}"})
