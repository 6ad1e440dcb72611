"""Conversations in the API: their list in four orders, and the tree of each."""

from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from django.test import Client

from proxy.store.models import Conversation
from tests import people
from tests.conversations.clients import BEGIN, Thread, World, text
from tests.dashboard.talk import SAID, session, stored
from tests.recordings import MISSING
from tests.store.conversations.replayed import SESSIONS, place_of, recorded
from tests.store.records import make_batch

pytestmark = pytest.mark.django_db
ASKED = (
    "conversationId", "sessionId", "domain", "title", "firstAt", "lastAt", "turns", "agents", "failed", "costUsd",
    "costState", "inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens", "models",
)  # fmt: skip
OF_TURN = {
    "requestId", "parentId", "link", "kind", "agentId", "parentAgentId", "branch", "retryOf", "startedAt", "durationMs",
    "outcome", "model", "costUsd", "cost", "inputTokens", "outputTokens", "cacheReadInputTokens",
    "cacheCreationInputTokens",
}  # fmt: skip


def read(client: Client, path: str, status: int = 200) -> Any:
    response = client.get(path)
    assert response.status_code == status, response.content
    return response.json()


def sessions(turns: list[int], domain: str = "a.example") -> list[Conversation]:
    """A session for each number of turns, the last one the latest."""
    return [
        stored(_turns(f"session-{place}", place, count), domain) for place, count in enumerate(turns, start=1)
    ]


def _turns(name: str, seed: int, count: int) -> Any:
    world = World(seed, name)
    thread = Thread(world)
    for _ in range(count):
        thread.ask(world.words(), [text(world.words())])
    for exchange in world.sent:
        exchange.started_at += timedelta(hours=seed)
    return world.sent


def names(listed: Any) -> list[str]:
    return [row["sessionId"] for row in listed["conversations"]]


def test_a_line_says_what_a_conversation_is_in_sum(program: Client) -> None:
    row = stored(session())

    [line] = read(program, "/api/conversations")["conversations"]

    assert set(ASKED) <= set(line)
    assert line["conversationId"] == str(row.id)
    assert (line["title"], line["sessionId"], line["domain"]) == (SAID, "session-1", "a.example")
    assert (line["turns"], line["agents"], line["failed"]) == (11, 2, 1)
    assert (line["inputTokens"], line["cacheReadInputTokens"]) == (100, 30)
    assert (line["messageCount"], line["totalTokens"]) == (11, 150)
    assert line["models"] == line["modelsUsed"] == ["claude-sonnet-5"]
    assert line["latestRequestId"] == str(row.last_id)


def test_a_title_is_for_readers_of_bodies_alone_and_kept_by_nobody(program: Client) -> None:
    row = stored(session())
    figures = Client()
    figures.force_login(people.reader("ann", "view_figures"))

    for path in ("/api/conversations", f"/api/conversations/{row.id}"):
        assert SAID in program.get(path).text
        assert program.get(path).headers["Cache-Control"] == "no-store"
        assert SAID not in figures.get(path).text
        assert figures.get(path).headers["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize(
    ("sort", "column"),
    [("activity", "last_at"), ("cost", "cost_usd"), ("turns", "turns"), ("failed", "failed")],
)
def test_each_sort_goes_on_where_it_stopped(program: Client, sort: str, column: str) -> None:
    sessions([2, 1, 2, 3, 1])
    expected = list(Conversation.objects.order_by(f"-{column}", "-id").values_list("session_id", flat=True))

    found, before = [], ""
    while True:
        page = read(program, f"/api/conversations?sort={sort}&limit=2{before}")
        found += names(page)
        if not page["pagination"]["hasMore"]:
            break
        before = f"&before={quote(page['pagination']['nextBefore'])}"

    assert found == expected
    assert names(read(program, f"/api/conversations?sort={sort}&limit=2&offset=3")) == expected[3:]


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("domain=a.ex", [2, 1]),
        ("domain=nobody.example", []),
        ("session=session-2", [2]),
        ("model=claude-sonnet-5", [2, 1]),
        ("model=claude-opus-5-5", []),
        ("person=nobody", []),
        ("clientKey=nobody", []),
        (f"from={(BEGIN + timedelta(hours=1, minutes=30)).isoformat().replace('+', '%2B')}", [2]),
        (f"to={(BEGIN + timedelta(hours=1, minutes=30)).isoformat().replace('+', '%2B')}", [1]),
        ("period=1h", []),
    ],
)
@pytest.mark.parametrize("sort", ["activity", "turns"])
def test_a_list_is_filtered_by_what_its_rows_hold(
    program: Client, query: str, found: list[int], sort: str
) -> None:
    sessions([1, 2])

    listed = read(program, f"/api/conversations?sort={sort}&{query}")

    assert names(listed) == [f"session-{number}" for number in found]


@pytest.mark.parametrize(
    "query", ["outcome=complete", "agent=a", "sort=size", "before=x", "sort=cost&before=1_2"]
)
def test_what_a_list_cannot_serve_is_refused(program: Client, query: str) -> None:
    assert (
        query.rpartition("&")[2].partition("=")[0]
        in read(program, f"/api/conversations?{query}", 422)["error"]["message"]
    )


def test_the_tree_tells_what_each_turn_goes_on_from(program: Client) -> None:
    sent = session()
    row = stored(sent)

    found = read(program, f"/api/conversations/{row.id}")

    assert set(ASKED) <= set(found)
    assert all(turn.keys() == OF_TURN for turn in found["turns"])
    ids = {str(exchange.id): exchange for exchange in sent}
    assert [turn["requestId"] for turn in found["turns"]] == list(ids)
    for turn in found["turns"]:
        exchange = ids[turn["requestId"]]
        expected = None if exchange.parent is None else str(sent[exchange.parent].id)
        assert (turn["parentId"], turn["kind"]) == (expected, exchange.kind)
        assert (turn["agentId"] or "", turn["parentAgentId"] or "") == (exchange.agent, exchange.caller)
    [compacted] = [turn for turn in found["turns"] if turn["link"] == "compaction"]
    assert ids[compacted["parentId"]].kind == "compaction"
    assert [turn["branch"] for turn in found["turns"]] == [0] * 10 + [1]
    [again] = [turn for turn in found["turns"] if turn["retryOf"]]
    assert again["retryOf"] == str(sent[6].id)


def test_agents_are_told_with_their_calls_and_sums(program: Client) -> None:
    sent = session()
    row = stored(sent)

    outer, inner = read(program, f"/api/conversations/{row.id}")["agents"]

    assert (outer["agentId"], outer["parentAgentId"], outer["turns"]) == ("a-outer", None, 2)
    assert (inner["agentId"], inner["parentAgentId"], inner["turns"]) == ("a-inner", "a-outer", 1)
    response = sent[1].response
    assert response is not None
    assert outer["spawnedBy"] == {"requestId": str(sent[1].id), "toolUseId": response["content"][0]["id"]}
    assert inner["spawnedBy"]["requestId"] == str(sent[2].id)


def test_a_request_tells_where_it_stands(program: Client) -> None:
    sent = session()
    row = stored(sent)

    nested = read(program, f"/api/requests/{sent[3].id}")
    lone = read(program, f"/api/requests/{people.make_exchange().id}")

    assert nested["conversationId"] == str(row.id)
    assert nested["parentId"] == str(sent[2].id)
    assert (nested["agentId"], nested["parentAgentId"]) == ("a-inner", "a-outer")
    assert [lone[name] for name in ("conversationId", "parentId", "agentId", "parentAgentId")] == [None] * 4


def test_an_unknown_conversation_is_not_found(program: Client) -> None:
    assert "No conversation" in read(program, f"/api/conversations/{UUID(int=7)}", 404)["error"]["message"]


@pytest.mark.skipif(not SESSIONS, reason=MISSING)
@pytest.mark.parametrize("name", [path.name.partition(".")[0] for path in SESSIONS] or ["none"])
def test_the_tree_of_a_recorded_session_is_its_true_one(program: Client, name: str) -> None:
    records, truth = recorded(name)
    for at in range(0, len(records), 20):
        people.take_in(make_batch(*records[at : at + 20]))
    row = Conversation.objects.get(session_id=next(iter(truth["sessions"])))

    found = read(program, f"/api/conversations/{row.id}")

    _compare(found, truth)


def _compare(found: Any, truth: dict[str, Any]) -> None:
    turns = {place_of(UUID(turn["requestId"])): turn for turn in found["turns"]}
    for kind, name in (("main", "main"), ("side", "side_calls"), ("compaction", "compaction_calls")):
        assert [at for at, turn in turns.items() if turn["kind"] == kind] == truth[name]
    agents = {agent["agentId"]: agent for agent in found["agents"]}
    assert agents.keys() == truth["sub_agents"].keys()
    for spawn in truth["spawns"]:
        agent = agents[spawn["agent"]]
        assert place_of(UUID(agent["spawnedBy"]["requestId"])) == spawn["by_exchange"]
        assert agent["spawnedBy"]["toolUseId"] == spawn["tool_use_id"]
        assert agent["parentAgentId"] == spawn["spawner_agent"]
        assert agent["turns"] == len(truth["sub_agents"][spawn["agent"]])
        assert _parent(turns[spawn["first_exchange"]]) == spawn["by_exchange"]
    compactions = dict(zip(truth["first_main_after_compaction"], truth["compaction_calls"], strict=True))
    again = {second: first for first, second in truth["retried"]}
    for line in (truth["main"], *truth["sub_agents"].values()):
        for before, at in pairwise(line):
            first = again.get(at)
            expected = compactions.get(at, before) if first is None else _parent(turns[first])
            assert _parent(turns[at]) == expected
            assert turns[at]["branch"] == 0


def _parent(turn: Any) -> int | None:
    return None if turn["parentId"] is None else place_of(UUID(turn["parentId"]))
