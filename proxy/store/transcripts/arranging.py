"""Put turns in their places: results to their calls, agents under the calls that started them, side calls apart."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

import msgspec

from proxy.conversations.tree import Kind, Tree
from proxy.store.transcripts.shapes import Agent, Call, Sums, Turn
from proxy.store.transcripts.summary import facts_of_agent

# Agents deeper than that are listed at the end: whoever writes a transcript goes down by recursion.
DEEPEST = 20


@dataclass(frozen=True, slots=True)
class Arranged:
    """The turns of the main agent, agents whose call is not here, and calls beside it all."""

    main: list[Turn]
    agents: list[Agent]
    side_calls: list[Turn]


@dataclass(frozen=True, slots=True)
class _Made:
    """A call, and the agent that made it."""

    call: Call
    by: str


def arranged(tree: Tree, turns: Mapping[UUID, Turn], sums_of: Callable[[Sequence[Turn]], Sums]) -> Arranged:
    """All turns of a tree; calls get their results and agents."""
    lines: defaultdict[str, list[Turn]] = defaultdict(list)
    side_calls: list[Turn] = []
    made: dict[str, _Made] = {}
    for place in tree.places:
        turn = turns[place.id]
        (side_calls if place.kind is Kind.SIDE else lines[place.agent_id]).append(turn)
        for call in turn.calls():
            made.setdefault(call.tool_use_id, _Made(call, place.agent_id))
    _give_results((turns[place.id] for place in tree.places), made)
    callers: dict[str, str] = {}
    lost: list[Agent] = []
    for placed in tree.agents:
        line = lines[placed.id]
        agent = Agent(**msgspec.structs.asdict(facts_of_agent(placed, sums_of(line))), turns=line)
        caller = made.get(placed.tool_id)
        if caller and placed.called_by in turns and _may_stand_in(caller.by, placed.id, callers):
            callers[placed.id] = caller.by
            caller.call.agents.append(agent)
        else:
            lost.append(agent)
    return Arranged(lines[""], lost, side_calls)


def _give_results(turns: Iterable[Turn], made: Mapping[str, _Made]) -> None:
    """The first result of a call is its own; a turn keeps those whose calls are not here."""
    for turn in turns:
        for result in turn.results:
            found = made.get(result.tool_use_id)
            if found and found.call.result is None:
                found.call.result = result
        turn.results = [result for result in turn.results if result.tool_use_id not in made]


def _may_stand_in(caller: str, agent: str, callers: Mapping[str, str]) -> bool:
    """Whether an agent would stand neither within itself nor too deep."""
    for _ in range(DEEPEST):
        if caller == agent:
            return False
        if caller not in callers:
            return True
        caller = callers[caller]
    return False
