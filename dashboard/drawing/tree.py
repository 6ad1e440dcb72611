"""Turns and lanes as SVG: time goes down, each lane has a column while it lasts. Only attributes and classes, no styles."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from django.utils.safestring import SafeString

COLUMN, MARGIN = 15, 10
# A row with words beside it needs their height; a plain one only that of its dot.
LABELLED, PLAIN = 17, 7
LABEL_WIDTH = 250


@dataclass(frozen=True, slots=True)
class Node:
    """A turn: `lane` is the index of its lane, `parent` that of the node that it goes on from.

    `look` is a class of the drawing, `label` stands beside it, `title` says all of it.
    """

    id: str
    lane: int
    look: str
    title: str
    label: str = ""
    parent: int | None = None


@dataclass(frozen=True, slots=True)
class Lane:
    """`series` is the index of its colour."""

    series: int


@dataclass(frozen=True, slots=True)
class Drawing:
    """The drawing in pixels."""

    width: int
    height: int
    svg: SafeString


def draw(nodes: Sequence[Node], lanes: Sequence[Lane]) -> Drawing:
    """Nodes in the order of their time; lane 0 stands leftmost."""
    columns = _columns(nodes)
    ys, y = [], 0.0
    for node in nodes:
        half = (LABELLED if node.label else PLAIN) / 2
        y += half
        ys.append(y + MARGIN / 2)
        y += half
    label_x = MARGIN * 2 + COLUMN * (max(columns.values(), default=0))
    xs = [MARGIN + COLUMN * columns[node.lane] for node in nodes]
    parts = [*_lines(nodes, lanes, xs, ys), *_dots(nodes, lanes, xs, ys, label_x)]
    return Drawing(label_x + LABEL_WIDTH, round(y) + MARGIN, SafeString("".join(parts)))


def _columns(nodes: Sequence[Node]) -> dict[int, int]:
    """For each lane the lowest column that is free while it lasts, right of that of the lane that it leaves."""
    first: dict[int, int] = {}
    last: dict[int, int] = {}
    for at, node in enumerate(nodes):
        first.setdefault(node.lane, at)
        last[node.lane] = at
    columns, busy = {0: 0}, {0: len(nodes)}
    first.pop(0, None)
    for lane, at in sorted(first.items(), key=lambda item: item[1]):
        parent = nodes[at].parent
        column = 1 if parent is None else 1 + columns[nodes[parent].lane]
        # From its parent on, or its line would cross others.
        while busy.get(column, -1) >= (at if parent is None else parent):
            column += 1
        columns[lane] = column
        busy[column] = last[lane]
    return columns


def _lines(nodes: Sequence[Node], lanes: Sequence[Lane], xs: list[int], ys: list[float]) -> list[str]:
    drawn = []
    for at, node in enumerate(nodes):
        if node.parent is None:
            continue
        x, y, from_x, from_y = xs[at], ys[at], xs[node.parent], ys[node.parent]
        turn = min(y, from_y + 14)
        path = (
            f"M{x} {from_y:g}V{y:g}"
            if x == from_x
            else f"M{from_x} {from_y:g}C{from_x} {turn:g} {x} {from_y:g} {x} {turn:g}V{y:g}"
        )
        drawn.append(f'<path class="l{lanes[node.lane].series}" d="{path}"/>')
    return drawn


def _dots(
    nodes: Sequence[Node], lanes: Sequence[Lane], xs: list[int], ys: list[float], label_x: int
) -> list[str]:
    drawn = []
    for at, node in enumerate(nodes):
        x, y = xs[at], ys[at]
        shape = (
            f'<rect x="{x - 4}" y="{y - 4:g}" width="8" height="8"/>'
            if node.look == "compaction"
            else f'<circle cx="{x}" cy="{y:g}" r="{4 if node.label else 3}"/>'
        )
        label = f'<text x="{label_x}" y="{y + 3.5:g}">{escape(node.label)}</text>' if node.label else ""
        title = f"<title>{escape(node.title)}</title>"
        look = f"n{lanes[node.lane].series} {node.look}".strip()
        drawn.append(f'<a href="?at={node.id}#turn-{node.id}" class="{look}">{title}{shape}{label}</a>')
    return drawn
