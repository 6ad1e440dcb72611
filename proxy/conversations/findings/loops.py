"""Where an agent goes in circles, upstream is stormed, or time is lost: found in what turns did, never in how many there were.

Each rule looks for the same thing again, since many turns, errors of different kinds and long sessions are no harm by themselves.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter
from uuid import UUID

from proxy.conversations.findings.finding import Finding, FindingKind
from proxy.conversations.findings.tool_calls import ToolUse

TIMES = 3
SLOW_SECONDS = 120.0
# Longer than any tool of a client runs: somebody was asked, or the machine slept.
_NO_TOOL_SECONDS = 3600.0
# What waits for an agent or for a person by its nature.
_WAITING = frozenset(("Agent", "Task", "AskUserQuestion", "ExitPlanMode"))
# A circle of so many turns at most.
_LONGEST_CIRCLE = 4
CUT = "max_tokens"
_id = attrgetter("id")


@dataclass(frozen=True, slots=True)
class Turn:
    """What these rules know of a turn. Side calls are none: a client's test of its quota asks for one token.

    `retry_of` is the turn whose request this one sends again; `agent_id` is "" for the main agent; `new_words` says that its
    request brought words of a person.
    """

    id: UUID
    parent_id: UUID | None = None
    retry_of: UUID | None = None
    agent_id: str = ""
    error_type: str | None = None
    stop_reason: str | None = None
    new_words: bool = False
    tools: tuple[ToolUse, ...] = ()


def loops_in(turns: Sequence[Turn], times: int = TIMES, slow_seconds: float = SLOW_SECONDS) -> list[Finding]:
    """All findings in the turns of one conversation, which come in the order in which they started."""
    place = {turn.id: at for at, turn in enumerate(turns)}
    lanes = _lanes(turns)
    circles = [finding for lane in lanes for finding in _circles(lane, times)]
    retries = list(_retries(turns, times))
    circling, retried = _all_turns(circles), _all_turns(retries)
    found = [
        *circles,
        *(
            finding
            for lane in lanes
            for finding in _failing_tools(lane, times)
            if not circling.issuperset(finding.turns)
        ),
        *retries,
        *(finding for finding in _errors(turns, times) if not retried.issuperset(finding.turns)),
        *_cut(turns),
        *_slow(turns, slow_seconds),
    ]
    return sorted(found, key=lambda finding: place[finding.turns[0]])


def _all_turns(findings: Sequence[Finding]) -> set[UUID]:
    return {turn for finding in findings for turn in finding.turns}


def _lanes(turns: Sequence[Turn]) -> list[list[Turn]]:
    """Each agent's turns one after the other; where it goes on twice from one turn, the second way is a lane of its own.

    What was continued stays on the lane, so that an attempt that failed takes nothing away.
    """
    agents = {turn.id: turn.agent_id for turn in turns}
    continued = {turn.parent_id for turn in turns}
    next_of: dict[UUID, UUID] = {}
    for turn in sorted(turns, key=lambda turn: turn.id not in continued):
        if turn.parent_id and agents.get(turn.parent_id) == turn.agent_id:
            next_of.setdefault(turn.parent_id, turn.id)
    lanes: list[list[Turn]] = []
    lane_of: dict[UUID, list[Turn]] = {}
    for turn in turns:
        before = lane_of.get(turn.parent_id) if turn.parent_id else None
        if before is None or next_of.get(before[-1].id) != turn.id:
            before = []
            lanes.append(before)
        before.append(turn)
        lane_of[turn.id] = before
    return lanes


def _circles(lane: Sequence[Turn], times: int) -> Iterator[Finding]:
    """The same calls with the same inputs and results, in the same order, so many times in a row."""
    taken: set[UUID] = set()
    for length in range(1, _LONGEST_CIRCLE + 1):
        start = 0
        for at in range(length, len(lane) + 1):
            if at < len(lane) and _repeats(lane[at - length], lane[at]):
                continue
            circle = lane[start:at]
            rounds = len(circle) // length
            if rounds >= times and taken.isdisjoint(turn.id for turn in circle):
                taken.update(turn.id for turn in circle)
                yield Finding(FindingKind.REPEATED_CALL, _ids(circle), _of_circle(circle[:length], rounds))
            start = at - length + 1


def _repeats(before: Turn, after: Turn) -> bool:
    return (
        not after.new_words
        and bool(after.tools)
        and len(before.tools) == len(after.tools)
        and all(map(_same, before.tools, after.tools))
    )


def _same(before: ToolUse, after: ToolUse) -> bool:
    """A result that is not there yet, or was never seen, is no other one."""
    results = {before.result, after.result} - {None}
    return (before.name, before.input) == (after.name, after.input) and len(results) < 2


def _of_circle(circle: Sequence[Turn], rounds: int) -> str:
    names = [tool.name for turn in circle for tool in turn.tools]
    what = f"{names[0]} was called" if len(names) == 1 else f"The same calls ({', '.join(names)}) were made"
    return f"{what} {rounds} times in a row with the same input and the same result."


def _failing_tools(lane: Sequence[Turn], times: int) -> Iterator[Finding]:
    """The same error of one tool in so many turns, without a success of that tool between."""
    runs: dict[str, tuple[bytes | None, list[Turn]]] = {}
    ended: list[tuple[str, list[Turn]]] = []
    for turn in lane:
        for tool in turn.tools:
            error, run = runs.get(tool.name, (None, []))
            if not tool.is_error or tool.result != error:
                ended.append((tool.name, run))
                run = []
            if tool.is_error and turn.id not in map(_id, run[-1:]):
                run.append(turn)
            runs[tool.name] = (tool.result if tool.is_error else None, run)
    ended += [(name, run) for name, (_, run) in runs.items()]
    for name, run in ended:
        if len(run) >= times:
            sentence = (
                f"{name} ended with the same error in {len(run)} turns, and did not succeed between them."
            )
            yield Finding(FindingKind.REPEATED_ERROR, _ids(run), sentence)


def _errors(turns: Sequence[Turn], times: int) -> Iterator[Finding]:
    """The same error of upstream on so many requests of one agent, without an answer between."""
    by_agent: defaultdict[str, list[Turn]] = defaultdict(list)
    for turn in turns:
        by_agent[turn.agent_id].append(turn)
    for own in by_agent.values():
        for error, group in groupby(own, key=lambda turn: turn.error_type):
            run = list(group)
            if error and len(run) >= times:
                sentence = f"{len(run)} requests in a row ended with {error}."
                yield Finding(FindingKind.REPEATED_ERROR, _ids(run), sentence)


def _retries(turns: Sequence[Turn], times: int) -> Iterator[Finding]:
    """One request that was sent so many times, the first time included, and not for nothing: a program may ask the same again."""
    first: dict[UUID, UUID] = {}
    attempts: defaultdict[UUID, list[Turn]] = defaultdict(list)
    for turn in turns:
        first[turn.id] = first.get(turn.retry_of, turn.retry_of) if turn.retry_of else turn.id
        attempts[first[turn.id]].append(turn)
    for group in attempts.values():
        if len(group) >= times and any(turn.error_type for turn in group):
            errors = Counter(turn.error_type or "no error" for turn in group)
            ends = ", ".join(f"{count} ended with {error}" for error, count in errors.most_common())
            yield Finding(
                FindingKind.RETRIES, _ids(group), f"One request was sent {len(group)} times: {ends}."
            )


def _cut(turns: Sequence[Turn]) -> Iterator[Finding]:
    cut = [turn for turn in turns if turn.stop_reason == CUT]
    if cut:
        what = "1 answer" if len(cut) == 1 else f"{len(cut)} answers"
        yield Finding(FindingKind.CUT_ANSWERS, _ids(cut), f"{what} ended at max_tokens, before all was said.")


def _slow(turns: Sequence[Turn], slow_seconds: float) -> Iterator[Finding]:
    """By tool. Of calls that were made together only the last one's end is known."""
    slow: defaultdict[str, list[tuple[float, Turn]]] = defaultdict(list)
    for turn in turns:
        names = sorted({tool.name for tool in turn.tools})
        seconds = max((tool.seconds or 0.0 for tool in turn.tools), default=0.0)
        if slow_seconds <= seconds < _NO_TOOL_SECONDS and _WAITING.isdisjoint(names):
            slow[" or ".join(names)].append((seconds, turn))
    for name, calls in slow.items():
        longest = max(seconds for seconds, _ in calls)
        often = "once" if len(calls) == 1 else f"{len(calls)} times"
        sentence = (
            f"{name} took {slow_seconds:.0f} s or longer {often}, {longest:.0f} s at most, from the call to the request with "
            "its result; waiting for a permission counts as well."
        )
        yield Finding(FindingKind.SLOW_TOOL, _ids([turn for _, turn in calls]), sentence)


def _ids(turns: Sequence[Turn]) -> tuple[UUID, ...]:
    return tuple(map(_id, turns))
