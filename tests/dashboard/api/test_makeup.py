"""`contextMakeup` of a request: what fills its context, and what it has more than the turn before."""

import pytest
from django.test import Client

from dashboard.queries import makeup
from tests.dashboard.large import large_session
from tests.dashboard.talk import session, stored

pytestmark = pytest.mark.django_db


def test_a_turn_has_its_shares_and_its_exact_difference(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(makeup, "LEAST_ADDED", 1)
    sent = large_session()
    stored(sent)
    first, second = (program.get(f"/api/requests/{each.id}").json() for each in sent[:2])
    found, before = second["contextMakeup"], first["contextMakeup"]

    assert found["totalTokens"] == sum(
        second[name] for name in ("inputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
    )
    assert found["certainty"] == "estimate"
    assert sum(share["tokens"] for share in found["shares"]) == found["totalTokens"]
    assert {share["server"] for share in found["shares"] if share["content"] == "tools"} == {
        None,
        "github",
        "wiki",
    }
    assert found["added"]["parentId"] == str(sent[0].id)
    assert found["added"]["tokens"] == found["totalTokens"] - before["totalTokens"]
    assert sum(share["tokens"] for share in found["added"]["shares"]) == found["added"]["tokens"]
    assert before["added"] is None


def test_it_is_null_for_a_small_request(program: Client) -> None:
    sent = session()
    stored(sent)

    assert program.get(f"/api/requests/{sent[0].id}").json()["contextMakeup"] is None


def test_secrets_in_names_of_servers_are_masked(program: Client) -> None:
    sent = large_session()
    sent[0].body["tools"] = [
        {"name": "mcp__sk-ant-api03-the-teams-secret-key-0001__x", "description": "x" * 4_000}
    ]
    stored(sent[:1])
    shares = program.get(f"/api/requests/{sent[0].id}").json()["contextMakeup"]["shares"]

    assert [share["server"] for share in shares if share["server"]] == ["sk-ant-****"]
