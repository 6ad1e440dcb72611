"""`manage.py conversations`: list, show and export."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import CommandError, call_command

from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation
from proxy.store.transcripts import outline
from tests.conversations.clients import Sent
from tests.roles import OWNER
from tests.store.conversations.replayed import record_of
from tests.store.records import make_batch
from tests.store.transcripts.talks import SECRET, store, talk

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]


def say(*arguments: str) -> str:
    call_command("conversations", *arguments, stdout=(said := StringIO()), stderr=StringIO())
    return said.getvalue()


def data(*arguments: str) -> Any:
    return json.loads(say(*arguments, "--json"))


def later(sent: Sequence[Sent], hours: int, **changes: Any) -> list[Sent]:
    moved = timedelta(hours=hours)
    return [replace(exchange, started_at=exchange.started_at + moved, **changes) for exchange in sent]


@pytest.fixture
def two() -> tuple[Conversation, Conversation]:
    """One of eight turns, and an hour later one of two in another domain, with the same session."""
    first = store(talk())
    ingest.ingest(make_batch(*(record_of(sent, "b.example") for sent in later(talk("Fix it")[:2], 1))))
    return first, Conversation.objects.get(domain="b.example")


def ids(*arguments: str) -> list[str]:
    return [row["conversationId"] for row in data("list", *arguments)["conversations"]]


def test_a_list_is_sorted_filtered_and_bounded(two: tuple[Conversation, Conversation]) -> None:
    first, second = (str(row.id) for row in two)

    assert ids() == [second, first]
    assert ids("--sort=turns") == ids("--sort=cost") == ids("--sort=failed") == [first, second]
    assert ids("--domain=a.example") == [first]
    assert ids("--domain=a.example", "--domain=b.example", "--limit=1") == [second]
    assert ids("--since=2026-11-20T09:30Z") == [second]
    assert ids("--since=2026-11-21") == []


def test_a_list_for_people_has_a_line_for_each(two: tuple[Conversation, Conversation]) -> None:
    head, second, first = say("list").splitlines()

    assert head.split() == ["LAST", "COST", "TURNS", "FAILED", "AGENTS", "DOMAIN", "CONVERSATION", "TITLE"]
    assert first.split()[:6] == ["2026-11-20", "09:00", "0.0005", "8", "1", "2"]
    assert second.endswith(f"b.example  {two[1].id}  Fix it")


def test_a_terminal_gets_no_orders_and_no_secrets() -> None:
    store(talk(f"\x1b[31mred {SECRET}"))
    conversation = str(Conversation.objects.get().id)

    for text in (say("list"), say("show", conversation), say("export", conversation)):
        assert "\x1b" not in text
        assert "SECRET" not in text
    assert "red sk-ant-****" in say("list")


def test_the_tree_is_shown_with_agents_behind_their_calls(two: tuple[Conversation, Conversation]) -> None:
    lines = say("show", str(two[0].id)).partition("\n\n")[2].splitlines()

    assert [line.split(" · ")[0] for line in lines] == [
        "1 main",
        "2 side",
        "3 main",
        "    Agent outer: 2 turns, 0 failed, $0.0001512",
        "        4 agent",
        "            Agent inner: 1 turn, 0 failed, $0.0000756",
        "                5 agent",
        "        6 agent",
        "7 main",
        "8 main",
    ]
    assert "upstream error" in lines[-2]
    assert "once more" in lines[-1]


def test_the_tree_as_data(two: tuple[Conversation, Conversation]) -> None:
    found = data("show", str(two[0].id))

    assert found["conversation"]["title"] == "Look at the parser"
    assert [turn["kind"] for turn in found["turns"]] == [
        "main",
        "side",
        "main",
        *["agent"] * 3,
        "main",
        "main",
    ]
    assert found["turns"][2]["parentId"] == found["turns"][0]["requestId"]
    outer = found["agents"][0]
    assert (outer["agentId"], outer["sums"]["turns"]) == ("outer", 2)
    assert outer["spawnedBy"]["requestId"] == found["turns"][2]["requestId"]


def test_a_session_is_found_by_its_id_and_its_domain(two: tuple[Conversation, Conversation]) -> None:
    with pytest.raises(
        CommandError, match=r"2 conversations have the id 'session-1': name one of .* or its --domain"
    ):
        say("show", "session-1")

    assert data("show", "session-1", "--domain=b.example")["conversation"]["turns"] == 2


@pytest.mark.parametrize("name", ["none", str(UUID(int=7)), "", "\x00"])
def test_what_is_not_there_is_told(name: str) -> None:
    for action in ("show", "export"):
        with pytest.raises(CommandError, match="`conversations list` shows what there is") as caught:
            say(action, name)
        assert caught.value.returncode == 1


@pytest.mark.parametrize(
    "words",
    [
        *("list --limit=0", "list --limit=x", "list --sort=title", "list --since=x"),
        *("show", "export x --format=pdf"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(words: str) -> None:
    with pytest.raises(CommandError, match="argument"):
        say(*words.split())


def test_an_export_goes_to_standard_output_or_a_file_of_its_owner(tmp_path: Path) -> None:
    conversation = str(store(talk()).id)
    path = tmp_path / "talk.html"

    say("export", conversation, "--format=html", f"--output={path}")

    assert path.read_text(encoding="utf-8") == say("export", conversation, "--format=html")
    assert path.stat().st_mode & 0o077 == 0
    assert say("export", conversation).startswith("# Look at the parser\n")
    assert data("export", conversation) == json.loads(say("export", conversation, "--format=json"))
    with pytest.raises(CommandError, match=r"cannot be written .* choose another --output"):
        say("export", conversation, f"--output={tmp_path / 'none' / 'a'}")


def test_agents_that_call_each_other_are_written_once_each() -> None:
    found = outline.outline_of(store(talk()))
    outer, inner = found.agents
    assert inner.spawned_by
    outer.spawned_by = inner.spawned_by

    agents = [line for line in outline.lines(found) if "Agent " in line]

    assert len(agents) == 2
