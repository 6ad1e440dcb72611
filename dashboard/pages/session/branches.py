"""The tree of a session, worked out for its drawing and for the table that says the same."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from uuid import UUID

from dashboard.drawing import tree
from dashboard.drawing.tree import Drawing, Lane, Node
from dashboard.pages.session.outline import MAIN, Outline, Step
from dashboard.templatetags.nexus import compact, local, usd
from proxy.conversations.parents import LinkKind

# The latest ones: a browser draws so many in a moment.
MOST_DRAWN = 3_000
_MAIN_SERIES, _BRANCH_SERIES, _SIDE_SERIES = 0, 2, 6
_AGENT_SERIES = (1, 3, 4, 5)
_LINKS = {
    LinkKind.PREFIX: "by equal messages",
    LinkKind.GAP: "over a gap",
    LinkKind.COMPACTION: "by its summary",
    LinkKind.AGENT: "called by it",
}


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the table: a turn, whose it is, what it goes on from and how that is known, and what marks it."""

    step: Step
    who: str
    parent: str
    how: str
    mark: str


def drawing(outline: Outline) -> Drawing:
    """Of the latest turns."""
    return tree.draw(*_nodes(outline))


def table(outline: Outline) -> Iterator[Line]:
    """All turns in order."""
    ends = _branch_sizes(outline)
    for step in outline.steps:
        place = step.place
        parent = outline.by_id.get(place.parent) if place.parent else None
        how = _LINKS.get(place.found_by, "") if place.found_by else ""
        far = "another session" if place.parent else ""
        yield Line(
            step, outline.who(step), f"#{parent.number}" if parent else far, how, _mark(outline, step, ends)
        )


def _nodes(outline: Outline) -> tuple[list[Node], list[Lane]]:
    steps = outline.steps[-MOST_DRAWN:]
    lanes: dict[object, int] = {(MAIN, 0): 0}
    looks = [Lane(_MAIN_SERIES)]
    places: dict[UUID, int] = {}
    nodes: list[Node] = []
    sizes = _branch_sizes(outline)
    agents = list(outline.crews)
    for step in steps:
        key = ("side", step.id) if step.is_side else (step.place.agent_id, step.place.branch)
        if key not in lanes:
            lanes[key] = len(looks)
            looks.append(Lane(_series(step, agents)))
        label = _mark(outline, step, sizes) or ("last turn" if step is steps[-1] else "")
        places[step.id] = len(nodes)
        parent = None if step.is_side or step.place.parent is None else places.get(step.place.parent)
        nodes.append(
            Node(str(step.id), lanes[key], _look(step), _title(outline, step), _labelled(step, label), parent)
        )
    return nodes, looks


def _labelled(step: Step, mark: str) -> str:
    return f"{step.number} · {mark}" if mark else ""


def _series(step: Step, agents: list[str]) -> int:
    if step.is_side:
        return _SIDE_SERIES
    if step.place.branch:
        return _BRANCH_SERIES
    if step.place.agent_id == MAIN:
        return _MAIN_SERIES
    return _AGENT_SERIES[agents.index(step.place.agent_id) % len(_AGENT_SERIES)]


def _look(step: Step) -> str:
    if step.row.failed:
        return "failed"
    if step.is_compaction:
        return "compaction"
    return "gap" if step.is_after_gap else "side" if step.is_side else ""


def _mark(outline: Outline, step: Step, sizes: Counter[tuple[str, int]]) -> str:
    """What is noteworthy of a turn, "" of most."""
    place, row = step.place, step.row
    if outline.elsewhere(step):
        return "goes on from another session"
    if step.number == 1 and not step.is_side:
        return "begin"
    if step.is_compaction:
        following = next((other for other in outline.steps if other.place.parent == step.id), None)
        after = f" → {compact(following.context)}" if following else ""
        return f"compaction {compact(step.context)}{after}"
    crew = outline.crews.get(place.agent_id)
    if crew and step.id == crew.steps[0].id:
        turns = crew.total.turns
        return f"{crew.name} · {turns} turn{'s' if turns > 1 else ''} · {usd(crew.total.cost)}"
    if row.failed:
        return f"{row.status or ''} {row.outcome.replace('_', ' ')}".strip()
    if place.retry_of:
        return "repeat"
    if place.branch and sizes[place.agent_id, place.branch] and _begins_branch(outline, step):
        size = sizes[place.agent_id, place.branch]
        return f"branch {place.branch} · {size} turn{'s' if size > 1 else ''}"
    return "something is missing before" if step.is_after_gap else ""


def _begins_branch(outline: Outline, step: Step) -> bool:
    parent = outline.by_id.get(step.place.parent) if step.place.parent else None
    return parent is None or parent.place.branch != step.place.branch


def _branch_sizes(outline: Outline) -> Counter[tuple[str, int]]:
    return Counter((step.place.agent_id, step.place.branch) for step in outline.steps if not step.is_side)


def _title(outline: Outline, step: Step) -> str:
    outcome = f", {step.row.outcome.replace('_', ' ')}" if step.row.failed else ""
    who = outline.who(step)
    return f"Turn {step.number} ({who}), {local(step.row.started_at)}, {usd(step.row.cost_usd)}{outcome}"
