"""A session by its figures: its turns in order, its agents with their sums, its landmarks. No body is read for it."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import cached_property
from uuid import UUID

from dashboard.queries import cache_breaks, findings
from proxy.conversations.findings.finding import TO_DO, FindingKind
from proxy.conversations.parents import LinkKind
from proxy.conversations.tree import Agent, Kind, Place
from proxy.store.conversations.loading import Loaded
from proxy.store.models import CacheBreak, Exchange, Finding

MAIN = ""


@dataclass(frozen=True, slots=True)
class Step:
    """A turn in its place; `number` counts all turns of the session from 1."""

    number: int
    place: Place
    row: Exchange

    @property
    def id(self) -> UUID:
        return self.place.id

    @property
    def cost(self) -> Decimal:
        return self.row.cost_usd or Decimal(0)

    @property
    def context(self) -> int:
        """All its input in tokens, from the cache or not."""
        return self.row.counts.prompt

    @property
    def ended_at(self) -> datetime:
        return self.row.started_at + timedelta(milliseconds=self.row.duration_ms)

    @property
    def is_compaction(self) -> bool:
        return self.place.kind is Kind.COMPACTION

    @property
    def is_side(self) -> bool:
        return self.place.kind is Kind.SIDE

    @property
    def is_after_gap(self) -> bool:
        return self.place.found_by is LinkKind.GAP


@dataclass(frozen=True, slots=True)
class Sums:
    """Of some turns."""

    turns: int = 0
    failed: int = 0
    cost: Decimal = Decimal(0)
    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0

    @property
    def cache_share(self) -> float | None:
        total = self.input + self.cache_read + self.cache_write
        return self.cache_read / total if total else None


@dataclass(frozen=True, slots=True)
class Crew:
    """An agent with its turns; `total` has those of the agents that it called as well."""

    agent: Agent
    steps: Sequence[Step]
    own: Sums
    total: Sums

    @property
    def name(self) -> str:
        return self.agent.kind or "Agent"

    @property
    def lasted_ms(self) -> int:
        if not self.steps:
            return 0
        end = max(step.ended_at for step in self.steps)
        return int((end - self.steps[0].row.started_at) / timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Found:
    """A finding with what to do about it, and those of its turns that are there."""

    row: Finding
    to_do: str
    steps: Sequence[Step]


def sums_of(steps: Iterable[Step]) -> Sums:
    """What these turns come to."""
    counts = [(step, step.row.counts) for step in steps]
    return Sums(
        turns=len(counts),
        failed=sum(step.row.failed for step, _ in counts),
        cost=sum((step.cost for step, _ in counts), start=Decimal(0)),
        input=sum(count.input for _, count in counts),
        output=sum(count.output for _, count in counts),
        cache_read=sum(count.cache_read for _, count in counts),
        cache_write=sum(count.cache_write for _, count in counts),
    )


class Outline:
    """What a stored conversation says without its bodies."""

    def __init__(self, found: Loaded) -> None:
        self.conversation = found.conversation
        self.agents = found.tree.agents
        self.steps = [
            Step(number, place, found.exchanges[place.id])
            for number, place in enumerate(found.tree.places, start=1)
        ]
        self.by_id = {step.id: step for step in self.steps}

    def line(self, agent: str) -> list[Step]:
        """The turns of an agent in order, "" for the main one, without side calls."""
        return self._lines.get(agent, [])

    @cached_property
    def side(self) -> list[Step]:
        """What stands beside all threads: titles, topics, quota."""
        return [step for step in self.steps if step.is_side]

    @cached_property
    def crews(self) -> Mapping[str, Crew]:
        """Its agents but the main one, by id."""
        return {agent.id: self._crew(agent) for agent in self.agents}

    @cached_property
    def called_by(self) -> Mapping[UUID, list[Crew]]:
        """The agents that each turn called."""
        found: defaultdict[UUID, list[Crew]] = defaultdict(list)
        for crew in self.crews.values():
            if crew.agent.called_by in self.by_id:
                found[crew.agent.called_by].append(crew)
        return found

    @cached_property
    def strays(self) -> list[Crew]:
        """Agents of whose call nothing is known."""
        return [crew for crew in self.crews.values() if crew.agent.called_by not in self.by_id]

    @cached_property
    def next_of(self) -> Mapping[UUID, Step]:
        """The turn that each one was gone on with by the same agent, of several the one on the lowest branch."""
        found: dict[UUID, Step] = {}
        for step in self.steps:
            parent = step.place.parent
            if parent not in self.by_id or step.is_side or step.is_compaction:
                continue
            before = found.get(parent)
            same = self.by_id[parent].place.agent_id == step.place.agent_id
            if same and (before is None or step.place.branch < before.place.branch):
                found[parent] = step
        return found

    @cached_property
    def breaks(self) -> Mapping[UUID, CacheBreak]:
        """The turns that read less from the cache than was there."""
        return {
            row.id: row for row in cache_breaks.of_conversation(self.conversation.id) if row.id in self.by_id
        }

    @cached_property
    def findings(self) -> list[Found]:
        """Loops, storms and the like, each with its turns."""
        return [
            Found(
                row,
                TO_DO.get(FindingKind(row.kind), ""),
                [self.by_id[id_] for id_ in row.turns if id_ in self.by_id],
            )
            for row in findings.of_conversation(self.conversation.id)
        ]

    @cached_property
    def tools(self) -> Counter[str]:
        """How often each tool was called."""
        return Counter(name for step in self.steps for name in step.row.tool_names)

    def tools_ms(self, step: Step) -> int | None:
        """How long its calls took: until the turn began that brings their results. None where there are none."""
        following = self.next_of.get(step.id)
        if following is None or not step.row.tool_calls:
            return None
        return max(0, int((following.row.started_at - step.ended_at) / timedelta(milliseconds=1)))

    def who(self, step: Step) -> str:
        """Whose turn it is, in words."""
        if step.is_side:
            return "side call"
        crew = self.crews.get(step.place.agent_id)
        name = "main" if crew is None else f"{crew.name} {crew.agent.id[:8]}"
        return f"{name}, branch {step.place.branch}" if step.place.branch else name

    def elsewhere(self, step: Step) -> UUID | None:
        """The turn of another session that it goes on from, as a fork of that does."""
        parent = step.place.parent
        return parent if parent not in self.by_id else None

    @cached_property
    def branches(self) -> int:
        """Second places to go on from, over all agents."""
        return len({(step.place.agent_id, step.place.branch) for step in self.steps if step.place.branch})

    @cached_property
    def _lines(self) -> Mapping[str, list[Step]]:
        found: defaultdict[str, list[Step]] = defaultdict(list)
        for step in self.steps:
            if not step.is_side:
                found[step.place.agent_id].append(step)
        return found

    def _crew(self, agent: Agent) -> Crew:
        steps, known = self.line(agent.id), {agent.id}
        # Callers come before whom they call, as agents are in the order of their first turns.
        for other in self.agents:
            if other.parent_id in known:
                known.add(other.id)
        all_steps = [step for name in known for step in self.line(name)]
        return Crew(agent, steps, sums_of(steps), sums_of(all_steps))
