"""Where cost, tokens and time of a session went."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from dashboard.pages.session.outline import MAIN, Outline, Step, Sums, sums_of


@dataclass(frozen=True, slots=True)
class Share:
    """A line of a table: some turns by what they have in common. `calls` counts the calls of a tool."""

    name: str
    sums: Sums
    calls: int = 0


@dataclass(frozen=True, slots=True)
class Times:
    """Milliseconds along the main line: answers, tools (and the agents among them), a person, and pauses before a repeat."""

    model: int
    tools: int
    person: int
    repeats: int

    @property
    def total(self) -> int:
        return self.model + self.tools + self.person + self.repeats


def by_agent(outline: Outline) -> list[Share]:
    """The main agent first, then as they began; each with its own turns alone."""
    shares = [Share("main", sums_of(outline.line(MAIN)))]
    shares += [Share(f"{crew.name} {crew.agent.id[:8]}", crew.own) for crew in outline.crews.values()]
    if outline.side:
        shares.append(Share("side calls", sums_of(outline.side)))
    return shares


def by_model(outline: Outline) -> list[Share]:
    """The dearest first."""
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for step in outline.steps:
        found[step.row.model].append(step)
    return _dearest(Share(name or "(none)", sums_of(steps)) for name, steps in found.items())


def by_tool(outline: Outline) -> list[Share]:
    """Of the turns that call it, as a call has no cost of its own; the dearest first."""
    found: defaultdict[str, list[Step]] = defaultdict(list)
    for step in outline.steps:
        for name in Counter(step.row.tool_names):
            found[name].append(step)
    return _dearest(Share(name, sums_of(steps), outline.tools[name]) for name, steps in found.items())


def times(outline: Outline) -> Times:
    """What the main line waited for. Between an answer that calls tools and the next request the tools ran."""
    spent: Counter[str] = Counter()
    end = None
    for step in outline.line(MAIN):
        start = step.row.started_at
        if end is not None and start > end:
            spent[_awaited(step, outline)] += int((start - end) / timedelta(milliseconds=1))
        begin = start if end is None else max(start, end)
        if step.ended_at > begin:
            spent["model"] += int((step.ended_at - begin) / timedelta(milliseconds=1))
        end = step.ended_at if end is None else max(end, step.ended_at)
    return Times(spent["model"], spent["tools"], spent["person"], spent["repeats"])


def _awaited(step: Step, outline: Outline) -> str:
    if step.place.retry_of is not None:
        return "repeats"
    parent = outline.by_id.get(step.place.parent) if step.place.parent else None
    return "tools" if parent is not None and parent.row.tool_calls else "person"


def _dearest(shares: Iterable[Share]) -> list[Share]:
    return sorted(shares, key=lambda share: (-share.sums.cost, share.name))
