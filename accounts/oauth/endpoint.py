"""The token endpoint (RFC 6749, docs/predecessor.md#oauth): a refresh token or a login's code for a pair of tokens."""

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
from django.conf import settings
from django.utils import timezone

from accounts.access.decision import OAUTH_BETA
from accounts.outbound.client import client_for, kind_of

DEFAULT_SCOPES = ["org:create_api_key", "user:profile", "user:inference"]
# For the whole answer: an endpoint that trickles would keep every request of the credential waiting.
TIMEOUT_SECONDS = 15.0
_MAX_BYTES = 64 * 1024


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
    """Ask for a new pair; raises RefreshFailed."""
    return _tokens(_ask({"refresh_token": refresh_token, "grant_type": "refresh_token"}), refresh_token)


def exchange_code(code: str, state: str, verifier: str, redirect_uri: str) -> Tokens:
    """A login's code for its first pair; raises RefreshFailed."""
    response = _ask(
        {
            "grant_type": "authorization_code",
            "code": code,
            "state": state,
            "redirect_uri": redirect_uri,
            "code_verifier": verifier,
        }
    )
    return _tokens(response, "")


def _ask(payload: Mapping[str, str]) -> bytes:
    """The body of a 200. Only `invalid_grant` is for ever: everything else may be the endpoint's bad hour."""
    try:
        status, body = _post({"client_id": settings.CLAUDE_OAUTH_CLIENT_ID, **payload})
    except httpx.HTTPError as error:
        raise RefreshFailed(f"the token endpoint did not answer ({kind_of(error)})") from error
    if status == 200:
        return body
    if _error_of(body) == "invalid_grant":
        why = (
            f"the token endpoint answered {status} (invalid_grant); sign in again with manage.py oauth_login"
        )
        raise RefreshFailed(why, permanent=True)
    raise RefreshFailed(f"the token endpoint answered {status}")


def _post(payload: Mapping[str, str]) -> tuple[int, bytes]:
    deadline, body = time.monotonic() + TIMEOUT_SECONDS, b""
    url = settings.CLAUDE_OAUTH_TOKEN_URL
    headers = {"anthropic-beta": OAUTH_BETA}
    with (
        client_for(url, TIMEOUT_SECONDS) as client,
        client.stream("POST", url, json=payload, headers=headers) as response,
    ):
        for fragment in response.iter_bytes():
            body += fragment
            if time.monotonic() > deadline or len(body) > _MAX_BYTES:
                raise httpx.ReadTimeout("the answer takes too long or too much room")
        return response.status_code, body


def _error_of(body: bytes) -> str:
    """The error's name: a string as in RFC 6749 §5.2, or within an object as in the API's errors."""
    try:
        error = json.loads(body)["error"]
        return str(error["type"] if isinstance(error, dict) else error)
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""


def _tokens(body: bytes, refresh_token: str) -> Tokens:
    """RFC 6749 §5.1: without a new refresh token in the answer the old one stays valid."""
    try:
        data = json.loads(body)
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
