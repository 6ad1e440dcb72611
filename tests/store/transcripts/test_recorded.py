"""Transcripts of recorded sessions: each turn once, each agent under the call that truly started it, each form without a secret."""

import re
from collections.abc import Iterator, Sequence
from itertools import chain

import pytest

from proxy.store.ingest import batch as ingest
from proxy.store.models import Conversation
from proxy.store.transcripts.forms import FORMS
from proxy.store.transcripts.reading import transcript_of
from proxy.store.transcripts.shapes import Agent, Transcript, Turn
from tests.recordings import MISSING
from tests.roles import OWNER
from tests.store.conversations.replayed import SESSIONS, place_of, recorded
from tests.store.records import make_batch

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]


def agents_of(turns: Sequence[Turn]) -> Iterator[tuple[str, str, Agent]]:
    """All agents under these turns, each with the agent and the call that started it."""
    for turn in turns:
        for call in turn.calls():
            for agent in call.agents:
                yield turn.agent_id or "", call.tool_use_id, agent
                yield from agents_of(agent.turns)


def all_turns(of: Transcript) -> list[int]:
    found = [agent.turns for _, _, agent in agents_of(of.turns)]
    found += [agent.turns for agent in of.agents]
    return sorted(turn.number for turn in chain(of.turns, of.side_calls, *found))


@pytest.mark.skipif(not SESSIONS, reason=MISSING)
@pytest.mark.parametrize("name", [path.name.partition(".")[0] for path in SESSIONS] or ["none"])
def test_a_recorded_session_is_all_there_and_in_place(name: str) -> None:
    records, truth = recorded(name)
    for at in range(0, len(records), 20):
        ingest.ingest(make_batch(*records[at : at + 20]))
    row = Conversation.objects.get(session_id=next(iter(truth["sessions"])))

    found = transcript_of(row)

    assert all_turns(found) == list(range(1, row.turns + 1))
    assert [place_of(turn.request_id) for turn in found.side_calls] == truth["side_calls"]
    main = sorted([*truth["main"], *truth["compaction_calls"]])
    assert [place_of(turn.request_id) for turn in found.turns] == main
    started = {(agent.agent_id, caller, call) for caller, call, agent in agents_of(found.turns)}
    assert started == {
        (spawn["agent"], spawn["spawner_agent"] or "", spawn["tool_use_id"]) for spawn in truth["spawns"]
    }
    assert not [turn.number for turn in found.turns if turn.missing]
    for form in FORMS.values():
        document = "".join(form.write(found))
        assert not re.search("sk-ant-[A-Za-z0-9]", document)
