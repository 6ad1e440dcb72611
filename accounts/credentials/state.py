"""In which state a credential is, as one word that a person acts on: computed, so that it is never out of date."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from accounts.credentials.health import Health
from accounts.models import Credential

SOON_REFRESHABLE = timedelta(minutes=10)
SOON_ENDING = timedelta(days=1)


class State(StrEnum):
    """Ordered from what a person decided over what needs a person to what passes by itself."""

    DISABLED = "disabled"
    INVALID = "invalid"
    NEEDS_LOGIN = "needs login"
    REFRESHING = "refreshing"
    COOLING = "cooling down"
    EXPIRING = "expiring"
    UNTESTED = "untested"
    VALID = "valid"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, why, and when it ends by itself (None: it does not, or nobody knows)."""

    state: State
    reason: str = ""
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What of a credential's secrets is known here; `readable` is False where no key decrypts one of them."""

    api_key: str = ""
    access_token: str = ""
    refresh_token: str = ""
    readable: bool = True

    def shown(self, kind: str) -> str:
        """The secret that is sent."""
        return self.api_key if kind == Credential.Kind.API_KEY else self.access_token


def unless_used(verdict: Verdict, *, is_used: bool) -> Verdict:
    """Nobody knows whether the API takes what never paid."""
    if verdict.state is State.VALID and not is_used:
        return Verdict(State.UNTESTED, "It paid for no request yet: test it against the API.")
    return verdict


def judge(credential: Credential, secrets: Secrets, health: Health, now: datetime) -> Verdict:
    """The state of a credential at a moment; reads no deferred column."""
    if not credential.enabled:
        return Verdict(State.DISABLED, "Enable it to let it pay again.")
    if trouble := _trouble(credential, secrets):
        return Verdict(State.INVALID, trouble)
    if credential.state == Credential.State.NEEDS_LOGIN:
        return Verdict(State.NEEDS_LOGIN, "Sign in again and save the new tokens here.")
    if credential.is_being_refreshed(now):
        return Verdict(State.REFRESHING)
    if health.is_cooling(now.timestamp()):
        until = datetime.fromtimestamp(health.cooling_until, now.tzinfo)
        return Verdict(State.COOLING, health.cooling_reason, until)
    return _by_expiry(credential, secrets, now)


def _trouble(credential: Credential, secrets: Secrets) -> str:
    if not secrets.readable:
        return "No key of FIELD_ENCRYPTION_KEYS decrypts it: put the key that wrote it back into the list."
    if secrets.shown(credential.kind):
        return ""
    if credential.kind == Credential.Kind.API_KEY:
        return "Its API key is missing: save one."
    return "" if secrets.refresh_token else "It has no token: sign in and save the tokens here."


def _by_expiry(credential: Credential, secrets: Secrets, now: datetime) -> Verdict:
    ends = credential.expires_at
    if credential.kind == Credential.Kind.API_KEY or ends is None:
        return Verdict(State.VALID)
    if secrets.refresh_token:
        soon = ends <= now + SOON_REFRESHABLE
        return (
            Verdict(State.EXPIRING, "It is refreshed before its next use.", ends)
            if soon
            else Verdict(State.VALID)
        )
    if ends <= now:
        return Verdict(
            State.NEEDS_LOGIN, "It ended, and has no refresh token: sign in and save new tokens here."
        )
    if ends <= now + SOON_ENDING:
        return Verdict(State.EXPIRING, "It has no refresh token: save new tokens before it ends.", ends)
    return Verdict(State.VALID)
