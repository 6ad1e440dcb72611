"""A transcript of a stored conversation: each turn in its place, results and agents under their calls."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from pytest_django import Settings

from proxy.store.bodies.encryption import KeyUnavailable
from proxy.store.models import Blob
from proxy.store.transcripts import reading
from proxy.store.transcripts.reading import transcript_of
from proxy.store.transcripts.shapes import Attachment, Text, Turn
from proxy.store.transfer import selection
from tests.roles import OWNER
from tests.store.months.test_retention import drop
from tests.store.transcripts.talks import SECRET, store, talk

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]


def numbers(turns: list[Turn]) -> list[int]:
    return [turn.number for turn in turns]


def test_turns_are_in_order_each_with_what_was_new_in_it() -> None:
    found = transcript_of(store(talk()))

    assert numbers(found.turns) == [1, 3, 7, 8]
    assert numbers(found.side_calls) == [2]
    assert found.agents == []
    first, second, failed, again = found.turns
    assert first.asked == [Text("Look at the parser"), Attachment("image", 4, "image/png")]
    assert first.response[0] == Text("I look.")
    assert (second.asked, second.results) == ([Attachment("image", 4, "image/png")], [])
    assert (failed.error, failed.outcome) == ("overloaded_error: later", "upstream_error")
    assert (again.retry_of, again.asked, again.response) == (failed.request_id, [], [Text("Done.")])
    assert [turn.linked_by for turn in found.turns] == [None, "answer", "answer", "answer"]


def test_results_and_agents_stand_under_the_call_that_they_belong_to() -> None:
    found = transcript_of(store(talk()))
    [bash] = found.turns[0].calls()
    [start] = found.turns[1].calls()
    [outer] = start.agents
    [inner_start] = outer.turns[0].calls()
    [inner] = inner_start.agents

    assert bash.result
    assert bash.result.request_id == found.turns[1].request_id
    assert bash.result.content == [Text("12 files\nBearer ****")]
    assert start.result
    assert start.result.is_error
    assert (outer.agent_id, numbers(outer.turns)) == ("outer", [4, 6])
    assert (inner.agent_id, inner.parent_agent_id, numbers(inner.turns)) == ("inner", "outer", [5])
    assert inner.turns[0].response == [Text("Seven tests.")]


def test_sums_are_those_of_the_conversation_and_of_each_agent() -> None:
    row = store(talk())
    found = transcript_of(row)
    [outer] = found.turns[1].calls()[0].agents
    summary = found.conversation

    assert (summary.turns, summary.failed, summary.agents) == (8, 1, 2)
    assert (summary.title, summary.session_id) == ("Look at the parser", "session-1")
    assert summary.input_tokens == row.input_tokens == 70
    assert (outer.sums.turns, outer.sums.input_tokens, outer.sums.cache_creation_input_tokens) == (2, 20, 4)
    assert summary.cost == f"{row.cost_usd.normalize():f}" if row.cost_usd else "0"


def test_no_secret_is_in_it() -> None:
    found = transcript_of(store(talk(f"My key is {SECRET}")))

    shown = msgspec.json.encode(found).decode()
    assert "SECRET" not in shown
    assert "hunter2" not in shown
    assert shown.count("sk-ant-****") == 2  # in the title, and in what was asked


def test_the_same_comes_out_in_whatever_groups_bodies_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    row = store(talk())
    whole = transcript_of(row)
    monkeypatch.setattr(selection, "_GROUP_BYTES", 1)

    assert transcript_of(row) == whole


def test_bodies_are_read_in_groups_not_one_by_one(django_assert_max_num_queries: Any) -> None:
    row = store(talk())

    with django_assert_max_num_queries(12):
        transcript_of(row)


def test_an_agent_whose_call_is_gone_stands_at_the_end_and_results_stay_with_their_turn() -> None:
    sent = talk()
    found = transcript_of(store([sent[0], *sent[3:]]))

    assert [agent.agent_id for agent in found.agents] == ["outer"]
    assert [result.tool_use_id for turn in found.turns for result in turn.results] != []
    assert found.turns[1].linked_by == "gap"


def test_a_turn_without_bodies_says_why() -> None:
    old = datetime(2026, 1, 20, 12, tzinfo=UTC)
    row = store([replace(sent, started_at=old + timedelta(seconds=sent.place)) for sent in talk()])
    drop("bodies")

    row.refresh_from_db()
    found = transcript_of(row)

    assert found.conversation.title is None
    assert {turn.missing for turn in found.turns} == {found.turns[0].missing}
    assert "the bodies of 2026-01 were dropped" in (found.turns[0].missing or "")
    assert found.turns[0].input_tokens == 10


def test_a_damaged_body_is_told_and_the_rest_is_there() -> None:
    row = store(talk())
    Blob.objects.filter(data__isnull=False).order_by("digest")[:1].get().delete()

    missing = [turn.missing for turn in transcript_of(row).turns if turn.missing]

    assert missing
    assert all("is damaged: restore it from a backup" in why for why in missing)


def test_a_month_whose_key_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    row = store(talk())

    def no_key(group: object, *, bodies: bool) -> None:
        raise KeyUnavailable("its key is missing")

    monkeypatch.setattr(reading, "read", no_key)

    assert {turn.missing for turn in transcript_of(row).turns} == {"its key is missing"}


def test_sealed_bodies_and_titles_are_read(settings: Settings) -> None:
    settings.BODY_ENCRYPTION, settings.BODY_ENCRYPTION_KEYS = True, [b"k" * 32]
    found = transcript_of(store(talk()))

    assert found.conversation.title == "Look at the parser"
    assert found.turns[0].asked[0] == Text("Look at the parser")
