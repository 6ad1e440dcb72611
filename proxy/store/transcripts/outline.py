"""The tree of a conversation without any body: which turn goes on from which, and which agent was called where."""

from collections import defaultdict
from collections.abc import Iterator
from uuid import UUID

import msgspec

from proxy.store.conversations.loading import load
from proxy.store.models import Conversation
from proxy.store.transcripts import wording
from proxy.store.transcripts.shapes import AgentFacts, Summary, TurnFacts
from proxy.store.transcripts.summary import facts_of_agent, facts_of_turn, summary_of, sums_of

_INDENT = "    "
_MOST_INDENTS = 20


class CallPlace(msgspec.Struct, rename="camel"):
    """The call of an agent; `tool_use_id` is null where only its messages tell who called it."""

    request_id: UUID
    tool_use_id: str | None


class OutlineAgent(AgentFacts):
    """An agent, and where it was called; null where nobody knows."""

    spawned_by: CallPlace | None


class Outline(msgspec.Struct, rename="camel"):
    """Turns by time, and agents in the order of their first ones."""

    conversation: Summary
    turns: list[TurnFacts]
    agents: list[OutlineAgent]


def outline_of(conversation: Conversation) -> Outline:
    """The tree of a conversation."""
    loaded = load(conversation)
    rows = loaded.exchanges
    by_agent = defaultdict(list)
    for place in loaded.tree.places:
        by_agent[place.agent_id].append(rows[place.id])
    agents = []
    for agent in loaded.tree.agents:
        facts = msgspec.structs.asdict(facts_of_agent(agent, sums_of(by_agent[agent.id])))
        caller = CallPlace(agent.called_by, agent.tool_id or None) if agent.called_by else None
        agents.append(OutlineAgent(**facts, spawned_by=caller))
    places = enumerate(loaded.tree.places, start=1)
    turns = [facts_of_turn(number, place, rows[place.id]) for number, place in places]
    return Outline(summary_of(conversation), turns, agents)


def lines(outline: Outline) -> Iterator[str]:
    """For people: sums, then a line for each turn, agents further in behind the turn that called them."""
    yield wording.title_of(outline.conversation)
    for name, value in wording.facts_of(outline.conversation):
        yield f"{name}: {value}"
    yield ""
    yield from _Tree(outline).lines()


class _Tree:
    """Each turn and each agent is written once, wherever calls seem to lead."""

    def __init__(self, outline: Outline) -> None:
        self._agents = outline.agents
        self._turns: defaultdict[str | None, list[TurnFacts]] = defaultdict(list)
        for turn in outline.turns:
            self._turns[turn.agent_id].append(turn)
        known = {turn.request_id for turn in outline.turns}
        self._called: defaultdict[UUID, list[AgentFacts]] = defaultdict(list)
        for agent in outline.agents:
            if agent.spawned_by and agent.spawned_by.request_id in known:
                self._called[agent.spawned_by.request_id].append(agent)
        self._written: set[str] = set()

    def lines(self) -> Iterator[str]:
        """The main line; what cannot be reached from it comes behind."""
        yield from self._line(None, 0)
        for agent in self._agents:
            yield from self._agent(agent, 0)

    def _agent(self, agent: AgentFacts, depth: int) -> Iterator[str]:
        if agent.agent_id in self._written or depth > _MOST_INDENTS:
            return
        self._written.add(agent.agent_id)
        yield f"{_INDENT * depth}{wording.agent_line(agent)}"
        yield from self._line(agent.agent_id, depth + 1)

    def _line(self, agent_id: str | None, depth: int) -> Iterator[str]:
        for turn in self._turns[agent_id]:
            facts = " · ".join(wording.facts_of_turn(turn))
            again = " · once more" if turn.retry_of else ""
            yield f"{_INDENT * depth}{turn.number} {facts}{again} · {turn.request_id}"
            for agent in self._called[turn.request_id]:
                yield from self._agent(agent, depth + 1)
