"""Tools' schemas as a finding of a stored conversation: in the first turn with the most tools, whose body is read once."""

from collections.abc import Iterator
from uuid import UUID

import pytest
from django.db import connection

from proxy.store.findings import schemas
from proxy.store.findings.breaks import plain_body
from proxy.store.models import Conversation, Finding
from tests.conversations.clients import Json, Sent, Thread, World, call, result, text
from tests.conversations.findings.samples import tool
from tests.roles import OWNER
from tests.store.conversations.replayed import place_of, record_of
from tests.store.findings.test_findings import look, store, usage

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]
MANY = [tool(f"mcp__wiki__{number}") for number in range(60)]
FEW = MANY[:3]


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    schemas._found.cache_clear()
    yield
    schemas._found.cache_clear()


@pytest.fixture
def bodies_read(monkeypatch: pytest.MonkeyPatch) -> list[UUID]:
    """The requests whose body was read for it."""
    found: list[UUID] = []

    def noted(exchange: UUID, which: str) -> bytes:
        found.append(exchange)
        return plain_body(exchange, which)

    monkeypatch.setattr(schemas, "plain_body", noted)
    return found


def session(*tools: list[Json], tokens: int = 30_000) -> list[Sent]:
    """A turn for each list of tools."""
    world = World()
    thread = Thread(world)
    content: list[Json] = [text("go")]
    for shipped in tools:
        thread.ask(content, [used := call(world)])
        content = [result(used)]
        world.sent[-1].body["tools"] = shipped
        assert world.sent[-1].response
        world.sent[-1].response["usage"] = usage(0, tokens)
    return world.sent


def found() -> list[tuple[int, str]]:
    rows = Finding.objects.filter(kind="tool schemas")
    return [(place_of(row.id), row.sentence) for row in rows]


def test_many_schemas_are_found_in_the_first_turn_that_has_them() -> None:
    store([record_of(sent) for sent in session(FEW, MANY, MANY, FEW)])

    look()

    [(place, sentence)] = found()
    assert place == 1
    assert "tokens of tool schemas with each request" in sentence
    assert "Of MCP servers: wiki" in sentence


def test_few_schemas_and_small_requests_are_none() -> None:
    store([record_of(sent) for sent in session(FEW)])
    look()
    assert found() == []

    store([record_of(sent, "b.example") for sent in session(MANY, tokens=4_000)])
    look()
    assert found() == []


@pytest.mark.parametrize("tools", [MANY, FEW])
def test_a_body_is_read_once_whatever_comes_later(tools: list[Json], bodies_read: list[UUID]) -> None:
    sent = session(tools, tools, tools)
    for each in sent:
        store([record_of(each)])
        look()

    assert [place_of(read) for read in bodies_read] == [0]
    assert len(found()) == (tools is MANY)


def test_what_was_found_stays_without_its_body_and_in_another_process(bodies_read: list[UUID]) -> None:
    sent = session(MANY, MANY)
    store([record_of(sent[0])])
    look()
    before = found()
    schemas._found.cache_clear()
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE proxy_exchangebody, proxy_blob")

    store([record_of(sent[1])])
    look()

    assert found() == before
    assert len(bodies_read) == 1


def test_a_late_turn_with_more_tools_takes_its_place() -> None:
    sent = session(MANY, [*MANY, *FEW])
    store([record_of(sent[0])])
    look()
    assert [place for place, _ in found()] == [0]

    store([record_of(sent[1])])
    look()

    assert [place for place, _ in found()] == [1]


def test_it_stands_beside_what_else_ends_at_the_same_turn() -> None:
    world = World()
    thread = Thread(world)
    content: list[Json] = [text("go")]
    for _ in range(3):
        used = call(world, "Read", file_path="/a")
        thread.ask(content, [used])
        content = [result(used, "no such file")]
    thread.ask(content, [text("I give up.")])
    for each in world.sent:
        assert each.response
        each.response["usage"] = usage(0, 30_000)
    world.sent[2].body["tools"] = MANY
    store([record_of(each) for each in world.sent])

    look()

    assert Conversation.objects.count() == 1
    assert sorted(Finding.objects.values_list("place", "kind")) == [(0, "repeated call"), (1, "tool schemas")]
