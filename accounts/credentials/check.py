"""Ask the API whether a credential is good, by a call that costs nothing: GET /v1/models, one of them."""

import time
from dataclasses import dataclass

import httpx
from django.conf import settings

from accounts.access.decision import OAUTH_BETA, AccessCredential
from accounts.outbound.client import client_for, kind_of

TIMEOUT_SECONDS = 10.0
ADVICE = {
    401: "the API does not know it: replace the secret, or sign in again (manage.py oauth_login)",
    403: "the API knows it and lets it do nothing: look at the account's plan and the key's workspace",
    429: "it works, and its limit is used up for now",
}


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a credential can pay; `why` says what was seen and, if it cannot, what to do. `status` 0: the API was not asked."""

    good: bool
    why: str
    status: int = 0


def at_hand(credential: AccessCredential, now: float | None = None) -> Verdict:
    """What can be said without the API."""
    if not credential.secret:
        return Verdict(False, "its secret is missing or cannot be read: type it in again, or fix its file")
    if not credential.usable(time.time() if now is None else now):
        if credential.refreshable:
            return Verdict(True, "its access token has ended and is renewed by the next request")
        return Verdict(False, "its access token has ended: sign in again (manage.py oauth_login)")
    return Verdict(True, "complete, not asked")


def ask(credential: AccessCredential) -> Verdict:
    """The same, and the API's word on it; never raises."""
    found = at_hand(credential)
    if not found.good or not credential.usable(time.time()):
        return found
    headers = {
        "anthropic-version": "2023-06-01",
        **{key.decode(): value.decode() for key, value in credential.headers()},
    }
    if credential.is_oauth:
        headers["anthropic-beta"] = OAUTH_BETA
    url = f"{settings.CLAUDE_API_BASE_URL.rstrip('/')}/v1/models?limit=1"
    try:
        with client_for(url, TIMEOUT_SECONDS) as client:
            response = client.get(url, headers=headers)
    except httpx.HTTPError as error:
        why = f"the API did not answer ({kind_of(error)}): run manage.py check_upstream"
        return Verdict(False, why)
    why = (
        "the API takes it"
        if response.is_success
        else ADVICE.get(response.status_code, "the API cannot say: try again")
    )
    return Verdict(response.is_success or response.status_code == 429, why, response.status_code)
