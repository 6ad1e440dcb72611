"""The tree of a conversation: each turn in its place, and the agents."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

from proxy.conversations.lanes import lanes
from proxy.conversations.parents import LinkKind, Offered, Parent, TurnKeys, parents, repeats

# What Claude Code's hint header says of a call that belongs to no thread.
SIDE_CLASSES = frozenset({"auxiliary", "side_reply"})


class Kind(StrEnum):
    """What a turn is: of the main line, of an agent, beside it all, or a call for a summary."""

    MAIN = "main"
    AGENT = "agent"
    SIDE = "side"
    COMPACTION = "compaction"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a turn stands. `branch` is 0 for the main line of its agent; `retry_of` is the first turn that asked the same."""

    id: UUID
    parent: UUID | None
    found_by: LinkKind | None
    kind: Kind
    agent_id: str
    parent_agent_id: str
    branch: int
    retry_of: UUID | None


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent and the call that started it, as far as it is known; "" is the main agent."""

    id: str
    parent_id: str
    called_by: UUID | None
    tool_id: str
    kind: str


@dataclass(frozen=True, slots=True)
class Tree:
    """All turns of a conversation in order, and its agents in the order of their first turns."""

    places: tuple[Place, ...]
    agents: tuple[Agent, ...]


def tree_of(conversation: UUID, turns: Iterable[TurnKeys], offers: Iterable[Offered] = ()) -> Tree:
    """The tree of one conversation. Turns of others, which may be among `turns`, are asked for parents only."""
    ordered = sorted(turns, key=lambda turn: turn.id)
    own = [turn for turn in ordered if turn.conversation == conversation]
    offers = list(offers)
    again = repeats(own, offers)
    found = _with_repeats(parents(ordered, offers), again)
    agents = _Agents(own, found)
    found = agents.links()
    kinds = _kinds(own, found, again, agents)
    branches = lanes(own, found, again, kinds_off_lane=_off_lane(kinds), agent_of=agents.of)
    return Tree(
        tuple(
            Place(
                id=turn.id,
                parent=found[turn.id].id if turn.id in found else None,
                found_by=found[turn.id].kind if turn.id in found else None,
                kind=kinds[turn.id],
                agent_id=agents.of[turn.id],
                parent_agent_id=agents.parent_of(agents.of[turn.id]),
                branch=branches[turn.id],
                retry_of=again.get(turn.id),
            )
            for turn in own
        ),
        agents.listed(),
    )


def _with_repeats(found: Mapping[UUID, Parent], again: Mapping[UUID, UUID]) -> dict[UUID, Parent]:
    """A repeat goes on from where the first attempt went on from."""
    placed = dict(found)
    for repeat, first in again.items():
        placed.pop(repeat, None)
        if first in placed:
            placed[repeat] = placed[first]
    return placed


class _Agents:
    """Whose turn each is: as the client names it, else as calls and parents tell."""

    def __init__(self, own: Sequence[TurnKeys], found: Mapping[UUID, Parent]) -> None:
        self._found = dict(found)
        self.of: dict[UUID, str] = {}
        self._calls: dict[str, Parent] = {}
        self._parents: dict[str, str] = {}
        self._kinds: dict[str, str] = {}
        is_named = any(turn.agent_id for turn in own)
        for turn in own:
            self.of[turn.id] = turn.agent_id if is_named else self._inherited(turn)
            self._note(turn)

    def _inherited(self, turn: TurnKeys) -> str:
        parent = self._found.get(turn.id)
        if parent is None:
            return ""
        if parent.kind is LinkKind.AGENT:
            return parent.tool_id
        return self.of.get(parent.id, "")

    def _note(self, turn: TurnKeys) -> None:
        agent, parent = self.of[turn.id], self._found.get(turn.id)
        if not agent:
            return
        # One that begins with the messages of another agent is called by it as well.
        if parent and parent.kind is not LinkKind.AGENT and self.of.get(parent.id, agent) != agent:
            parent = self._found[turn.id] = Parent(parent.id, LinkKind.AGENT)
        if parent and parent.kind is LinkKind.AGENT and agent not in self._calls:
            self._calls[agent] = parent
        caller = self.of.get(parent.id, "") if parent and parent.kind is LinkKind.AGENT else ""
        if turn.parent_agent_id or agent not in self._parents:
            self._parents[agent] = turn.parent_agent_id or caller
        self._kinds[agent] = self._kinds.get(agent) or turn.agent_type

    def links(self) -> dict[UUID, Parent]:
        """All parents."""
        return self._found

    def parent_of(self, agent: str) -> str:
        """The agent that called this one, "" for the main one."""
        return self._parents.get(agent, "")

    def listed(self) -> tuple[Agent, ...]:
        """In the order of their first turns."""
        return tuple(
            Agent(
                id=agent,
                parent_id=parent,
                called_by=self._calls[agent].id if agent in self._calls else None,
                tool_id=self._calls[agent].tool_id if agent in self._calls else "",
                kind=self._kinds[agent],
            )
            for agent, parent in self._parents.items()
        )


def _kinds(
    own: Sequence[TurnKeys], found: Mapping[UUID, Parent], again: Mapping[UUID, UUID], agents: _Agents
) -> dict[UUID, Kind]:
    continued = Counter(parent.id for child, parent in found.items() if child not in again)
    summaries = {parent.id for parent in found.values() if parent.kind is LinkKind.COMPACTION}
    by_id = {turn.id: turn for turn in own}
    has_tools = any(turn.tools for turn in own if not agents.of[turn.id])
    attempts: defaultdict[UUID, list[UUID]] = defaultdict(list)
    for repeat, first in again.items():
        attempts[first].append(repeat)

    def kind(turn: TurnKeys) -> Kind:
        first = by_id[again.get(turn.id, turn.id)]
        together = [first.id, *attempts[first.id]]
        if turn.request_class == "compaction" or turn.compaction or not summaries.isdisjoint(together):
            return Kind.COMPACTION
        if turn.request_class in SIDE_CLASSES:
            return Kind.SIDE
        if agents.of[turn.id]:
            return Kind.AGENT
        parent = found.get(turn.id)
        beside = parent is None or (parent.id in by_id and by_id[parent.id].tools > 0)
        is_leaf = not any(continued[attempt] for attempt in together)
        is_side = has_tools and turn.tools == 0 and is_leaf and beside
        return Kind.SIDE if is_side else Kind.MAIN

    return {turn.id: kind(turn) for turn in own}


def _off_lane(kinds: Mapping[UUID, Kind]) -> set[UUID]:
    return {turn for turn, kind in kinds.items() if kind in (Kind.SIDE, Kind.COMPACTION)}
