"""The binding of a session: which credentials it may use, and when it changes its organisation."""

import time

import httpx
import pytest
from pytest_django import Settings

from accounts.access.decision import AccessCredential
from proxy.relay.credentials import affinity as module
from proxy.relay.credentials.affinity import NONE, affinity_key_of
from proxy.relay.credentials.affinity_store import Binding
from tests.relay import limited
from tests.relay.bound import A2, ALL, HERE, A, B, Process


@pytest.fixture
def process(settings: Settings) -> Process:
    """One that is alone."""
    settings.REDIS_URL = ""
    return Process()


def test_a_new_session_may_use_all_until_one_has_answered_it(process: Process) -> None:
    assert (process.affinity.binding(HERE), process.scope()) == (NONE, [A, A2, B])
    process.affinity.bind(HERE, A.key)
    assert process.scope() == [A, A2, B]

    process.response(A, status=400)
    assert process.affinity.binding(HERE) == Binding(A.key, "")
    process.response(A)
    assert process.affinity.binding(HERE) == Binding(A.key, "org-a")
    assert process.scope() == [A, A2]


@pytest.mark.parametrize(
    ("cool_downs", "stays"),
    [
        ({A: (59, "429")}, True),
        ({A: (59, "529"), A2: (59, "unreachable")}, True),
        ({A: (90, "429")}, True),  # the other one of its organisation is free
        ({A: (90, "429"), A2: (90, "429")}, False),
        ({A: (90, "429"), A2: (30, "429")}, True),
        ({A: (5, "401"), A2: (5, "401")}, False),
    ],
)
def test_a_session_leaves_its_organisation_only_where_none_of_it_is_soon_back(
    process: Process, cool_downs: dict[AccessCredential, tuple[float, str]], stays: bool
) -> None:
    process.bound()
    for credential, (seconds, reason) in cool_downs.items():
        process.cool(credential, seconds, reason)

    assert process.scope() == ([A, A2] if stays else [A, A2, B])


def test_a_disabled_credential_and_one_that_was_refused_just_now_are_left(process: Process) -> None:
    process.bound()

    assert process.scope(pool=(B,)) == [B]
    assert process.scope(tried=frozenset({A.key})) == [A, A2]
    assert process.scope(tried=frozenset({A.key, A2.key})) == [A, A2, B]


def test_the_change_is_told_once_by_the_first_response_of_the_other_organisation(process: Process) -> None:
    process.bound()
    process.cool(A, 90)
    process.affinity.bind(HERE, A2.key)
    assert process.response(A2) == ""

    process.cool(A2, 90)
    process.affinity.bind(HERE, B.key)
    assert process.response(B, status=500) == ""
    assert process.response(B) == "org-a"
    assert process.response(B) == ""
    assert process.affinity.binding(HERE) == Binding(B.key, "org-b")


def test_a_late_response_of_a_credential_that_the_session_left_changes_nothing(process: Process) -> None:
    process.bound()
    process.affinity.bind(HERE, B.key)
    process.response(B)

    assert process.response(A) == ""
    assert process.affinity.binding(HERE) == Binding(B.key, "org-b")


def test_who_answered_in_place_of_one_that_is_dead_or_gone_has_the_session(process: Process) -> None:
    process.bound()
    process.cool(A, 5, "401")
    assert process.response(B) == "org-a"

    assert process.response(A, pool=()) == "org-b"
    assert process.affinity.binding(HERE) == Binding(A.key, "org-a")


def test_while_an_organisation_is_not_known_each_credential_is_one(process: Process) -> None:
    process.updates.organisations.clear()
    process.bound()
    assert process.scope() == [A]

    process.updates.learn_organisation(A.key, httpx.Headers())
    assert process.updates.organisation(A.key) == A.key
    process.cool(A, 90)
    process.affinity.bind(HERE, B.key)
    assert process.response(B) == A.key


def test_the_organisation_of_a_credential_is_told_once_and_again_when_it_changes(process: Process) -> None:
    assert process.updates.take()[A.key]["organisation"] == "org-a"
    process.updates.learn_organisation(A.key, httpx.Headers({"anthropic-organization-id": "org-a"}))
    assert process.updates.take() == {}
    process.updates.learn_organisation(A.key, httpx.Headers({"anthropic-organization-id": "org-c"}))
    assert process.updates.take()[A.key] == {"organisation": "org-c"}


def test_sessions_that_are_long_away_are_forgotten(process: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_SESSIONS", 3)
    for number in range(5):
        process.affinity.bind((f"{number % 2}.example", str(number)), A.key)
    process.affinity.answered(("0.example", "2"), A, ALL, 200, time.time())
    process.affinity.bind(("c.example", "new"), A.key)

    assert [session for _, session in process.affinity._entries] == ["4", "2", "new"]
    assert [process.affinity.concerns(name) for name in ("0.example", "1.example", "c.example")] == [
        True,
        False,
        True,
    ]
    assert process.response(A) == ""


def test_a_client_key_is_no_session() -> None:
    sent = limited.request()
    assert affinity_key_of(sent, limited.decision(client_key="7")) == ("a.example", "")
    sent.scope["headers"].append((b"x-claude-code-session-id", b"s" * 200))
    assert affinity_key_of(sent, limited.decision(client_key="7")) == ("a.example", "s" * 128)
