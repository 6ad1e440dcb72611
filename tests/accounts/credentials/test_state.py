"""One word says in which state a credential is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from accounts.credentials.health import Health
from accounts.credentials.state import Secrets, State, Verdict, judge
from accounts.models import Credential

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEY = Secrets(api_key="sk-ant-api03-x")
PAIR = Secrets(access_token="sk-ant-oat01-x", refresh_token="sk-ant-ort01-x")
ACCESS = Secrets(access_token="sk-ant-oat01-x")
COOLING = Health(cooling_until=NOW.timestamp() + 60, cooling_reason="429")


def state_of(secrets: Secrets, health: Health | None = None, **fields: Any) -> Verdict:
    kind = Credential.Kind.API_KEY if secrets.api_key else Credential.Kind.OAUTH
    return judge(Credential(**{"kind": kind, **fields}), secrets, health or Health(), NOW)


@pytest.mark.parametrize(
    ("secrets", "minutes_left", "expected"),
    [
        (KEY, None, State.VALID),
        (KEY, -5, State.VALID),
        (PAIR, None, State.VALID),
        (PAIR, 11, State.VALID),
        (PAIR, 10, State.EXPIRING),
        (PAIR, -5, State.EXPIRING),
        (ACCESS, 25 * 60, State.VALID),
        (ACCESS, 24 * 60, State.EXPIRING),
        (ACCESS, 0, State.NEEDS_LOGIN),
        (Secrets(refresh_token="r"), None, State.VALID),
        (Secrets(), None, State.INVALID),
        (Secrets(readable=False), None, State.INVALID),
    ],
)
def test_the_end_of_a_token_decides(secrets: Secrets, minutes_left: int | None, expected: State) -> None:
    ends = None if minutes_left is None else NOW + timedelta(minutes=minutes_left)

    assert state_of(secrets, expires_at=ends).state is expected


def test_a_missing_api_key_is_invalid() -> None:
    assert state_of(Secrets(access_token="x"), kind=Credential.Kind.API_KEY).state is State.INVALID


def test_a_cool_down_tells_why_and_how_long() -> None:
    assert state_of(KEY, COOLING) == Verdict(State.COOLING, "429", NOW + timedelta(minutes=1))


def test_a_cool_down_that_ended_is_over() -> None:
    assert state_of(KEY, Health(cooling_until=NOW.timestamp())).state is State.VALID


def test_what_a_person_must_do_wins_over_what_passes_by_itself() -> None:
    assert state_of(PAIR, COOLING, state=Credential.State.NEEDS_LOGIN).state is State.NEEDS_LOGIN
    assert state_of(Secrets(readable=False), COOLING).state is State.INVALID
    assert state_of(Secrets(), COOLING, enabled=False).state is State.DISABLED
