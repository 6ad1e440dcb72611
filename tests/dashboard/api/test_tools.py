"""`/api/tools`: requests by tool, and what became of the newest calls."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest
from django.test import Client
from django.utils import timezone

from dashboard.queries import tools as module
from proxy.conversations.findings.tool_calls import Call, Result
from proxy.store.findings import tool_sums, writing
from proxy.store.models import Exchange, Turn
from tests import people
from tests.dashboard import talk
from tests.roles import as_owner

CONVERSATION = UUID(int=5)
pytestmark = pytest.mark.django_db
SEARCH, READ = "mcp__files__search", "mcp__files__read_all"


@as_owner()
def turn(*calls: tuple[str, str], results: dict[str, bool] | None = None, **fields: Any) -> Exchange:
    """A turn with calls, each an id and a name, and with results of 100 bytes, each an id and whether it is an error."""
    row = people.make_exchange(tool_names=[name for _, name in calls], **fields)
    digests = (
        [Call(identity, name, b"") for identity, name in calls],
        [Result(identity, b"", is_error, 100) for identity, is_error in (results or {}).items()],
    )
    Turn.objects.create(
        id=row.id,
        conversation=CONVERSATION,
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


@as_owner()
def count() -> None:
    """What the task does that looks for findings."""
    turns = {row.id: row for row in Turn.objects.order_by("id")}
    tool_sums.count({CONVERSATION: tool_sums.Known(turns, Exchange.objects.in_bulk(list(turns)))})


def test_tools_have_their_requests_and_results_and_servers_their_tools(program: Client) -> None:
    noon = people.hours_ago(2)
    first = turn(("1", "Bash"), ("2", "Bash"), ("3", SEARCH), at=noon, duration_ms=1000)
    turn(("4", READ), results={"1": True, "2": False, "3": False}, at=noon + timedelta(seconds=31))
    turn(results={"4": True}, at=noon + timedelta(seconds=40))
    turn(("0", "Bash"), at=noon - timedelta(hours=24))
    people.make_exchange()
    count()
    found = program.get("/api/tools").json()

    assert first.duration_ms == 1000
    assert found["requests"] == 4
    assert found["previousUntil"] == found["since"]
    [bash, read, search] = found["tools"]
    assert (bash.pop("p50Ms"), bash.pop("p95Ms")) == (
        pytest.approx(30_000, rel=0.25),
        pytest.approx(40_000, rel=0.25),
    )
    assert bash == {
        "tool": "Bash",
        "server": None,
        "requests": 1,
        "share": 0.25,
        "previousRequests": 1,
        "calls": 2,
        "results": 2,
        "resultErrors": 1,
        "errorShare": 0.5,
        "meanMs": 30_000,
        "resultBytes": 200,
        "measuredResults": 2,
        "previousCalls": 1,
        "previousResultErrors": 0,
        "previousP50Ms": None,
    }
    assert [(tool["tool"], tool["server"], tool["errorShare"]) for tool in (read, search)] == [
        (READ, "files", 1.0),
        (SEARCH, "files", 0.0),
    ]
    [server] = found["servers"]
    assert [server[name] for name in ("server", "tools", "calls", "results", "resultErrors", "resultBytes")] == [
        "files", 2, 2, 2, 1, 200,
    ]  # fmt: skip
    shown = program.get("/api/tools?limit=1").json()
    assert (len(shown["tools"]), shown["more"], shown["servers"]) == (1, 2, found["servers"])


def test_a_call_without_a_result_has_no_share_and_no_time(program: Client) -> None:
    turn(("1", "Bash"))
    count()
    [tool] = program.get("/api/tools").json()["tools"]

    assert (tool["calls"], tool["results"], tool["errorShare"], tool["p50Ms"], tool["meanMs"]) == (
        1,
        0,
        None,
        None,
        None,
    )


def test_days_and_hours_of_a_period_are_added_up(program: Client) -> None:
    for hours in range(0, 80, 5):
        turn((str(hours), "Bash"), at=people.hours_ago(hours))
    count()

    for period, calls in (("24h", 5), ("7d", 16)):
        [tool] = program.get(f"/api/tools?period={period}").json()["tools"]
        assert (tool["requests"], tool["calls"]) == (calls, calls)


def test_the_filter_is_that_of_sums_by_tool(program: Client) -> None:
    turn(("1", "Bash"), domain="a.example")
    turn(("2", "Read"), ("3", "Bash"), domain="b.example")
    turn(("4", "Old"), at=people.hours_ago(50), domain="a.example")
    count()

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
    with as_owner():
        writing.run(timezone.now() + timedelta(minutes=3))
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
