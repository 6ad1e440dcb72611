"""`/api/tools`: requests by tool, and what became of the newest calls."""

from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.test import Client

from dashboard.queries import tools as module
from proxy.conversations.findings.tool_calls import Call, Result
from proxy.store.models import Exchange, Turn
from tests import people
from tests.dashboard import talk
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
SEARCH, READ = "mcp__files__search", "mcp__files__read_all"


@as_owner()
def turn(*calls: tuple[str, str], results: dict[str, bool] | None = None, **fields: Any) -> Exchange:
    """A turn with calls, each an id and a name, and with results, each an id and whether it is an error."""
    row = people.make_exchange(tool_names=[name for _, name in calls], **fields)
    digests = (
        [Call(identity, name, b"") for identity, name in calls],
        [Result(identity, b"", is_error) for identity, is_error in (results or {}).items()],
    )
    Turn.objects.create(
        id=row.id,
        conversation=UUID(int=5),
        domain=row.domain,
        depth=1,
        tools=0,
        own=b"",
        first=b"",
        new_words=False,
        gives_title=False,
        tool_digests=msgspec.msgpack.encode(digests),
    )
    return row


def test_tools_have_their_requests_calls_and_errors_and_servers_their_tools(program: Client) -> None:
    turn(("1", "Bash"), ("2", "Bash"), ("3", SEARCH))
    turn(("4", READ), results={"1": True, "2": False, "3": False})
    turn(results={"4": True})
    people.make_exchange()
    found = program.get("/api/tools").json()

    assert [found.pop(name) is not None for name in ("since", "until")] == [True, False]
    assert found == {
        "requests": 4,
        "tools": [
            report("Bash", None, 0.25, calls=2, results=2, resultErrors=1, errorShare=0.5),
            report(READ, "files", 0.25, calls=1, results=1, resultErrors=1, errorShare=1.0),
            report(SEARCH, "files", 0.25, calls=1, results=1, resultErrors=0, errorShare=0.0),
        ],
        "more": 0,
        "servers": [
            {"server": "files", "tools": 2, "calls": 2, "results": 2, "resultErrors": 1, "errorShare": 0.5}
        ],
        "lookedAtTurns": 3,
        "lookedBackTo": None,
    }
    shown = program.get("/api/tools?limit=1").json()
    assert ([tool["tool"] for tool in shown["tools"]], shown["more"], shown["servers"]) == (
        ["Bash"],
        2,
        found["servers"],
    )


def report(tool: str, server: str | None, share: float, **calls: float) -> dict[str, Any]:
    return {"tool": tool, "server": server, "requests": 1, "share": share, **calls}


def test_a_call_that_comes_again_counts_once_and_one_without_result_has_no_share(program: Client) -> None:
    turn(("1", "Bash"))
    turn(("1", "Bash"))
    [tool] = program.get("/api/tools").json()["tools"]

    assert (tool["requests"], tool["calls"], tool["results"], tool["errorShare"]) == (2, 1, 0, None)


def test_it_looks_at_so_many_of_the_newest_and_says_how_far_back(
    program: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [turn((str(number), "Bash"), at=people.hours_ago(5 - number)) for number in range(4)]
    monkeypatch.setattr(module, "MOST_TURNS", 2)
    found = program.get("/api/tools").json()

    assert (found["tools"][0]["requests"], found["tools"][0]["calls"], found["lookedAtTurns"]) == (4, 2, 2)
    assert found["lookedBackTo"].startswith(f"{rows[2].started_at:%Y-%m-%dT%H:%M:%S}")


def test_the_filter_is_that_of_sums_by_tool(program: Client) -> None:
    turn(("1", "Bash"), domain="a.example")
    turn(("2", "Read"), ("3", "Bash"), domain="b.example")
    turn(("4", "Old"), at=people.hours_ago(50), domain="a.example")

    def named(query: str) -> list[tuple[str, int, int]]:
        listed = program.get(f"/api/tools?{query}").json()["tools"]
        return [(tool["tool"], tool["requests"], tool["calls"]) for tool in listed]

    assert named("") == [("Bash", 2, 2), ("Read", 1, 1)]
    assert named("domain=a.example") == [("Bash", 1, 1)]
    assert named("tool=Read") == [("Read", 1, 1)]
    assert ("Old", 1, 1) in named("period=7d")
    assert program.get("/api/tools?model=m").status_code == 422


def test_what_a_worker_took_in_is_found(program: Client) -> None:
    talk.stored(talk.session())
    listed = {
        tool["tool"]: tool for tool in program.get("/api/tools?domain=a.example&period=30d").json()["tools"]
    }

    assert listed["Agent"]["calls"] >= 1
    assert sum(tool["results"] for tool in listed.values()) >= 2


def test_secrets_in_names_are_masked(program: Client) -> None:
    turn(("1", "mcp__sk-ant-api03-SECRETSECRET__read"))

    assert "SECRETSECRET" not in program.get("/api/tools").content.decode()


@pytest.mark.parametrize(
    ("tool", "server"),
    [
        ("Bash", ""),
        ("mcp__a__b", "a"),
        ("mcp__a__b__c", "a"),
        ("mcp__a", "a"),
        ("mcp_a__b", ""),
        ("mcp__", ""),
    ],
)
def test_the_server_is_in_the_name(tool: str, server: str) -> None:
    assert module.server_of(tool) == server
