"""A week as 7 times 24 cells, the darker the more: SVG of 24 by 7 units, and the same as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import sqrt

from django.utils.safestring import SafeString

DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
HOURS = range(24)
# What is not nothing can be seen.
_PALEST = 0.12


@dataclass(frozen=True, slots=True)
class Cell:
    """An hour of the week: `value` is drawn, `shown` stands in the table, `title` is what a pointer shows."""

    value: float
    shown: str
    title: str
    lead: str


@dataclass(frozen=True, slots=True)
class Heat:
    """`rows` are those of the table, by day, with a cell for each hour."""

    drawing: SafeString
    rows: Sequence[tuple[str, Sequence[str]]]


def draw(cells: Mapping[tuple[int, int], Cell]) -> Heat:
    """Cells by weekday, 0 is Monday, and hour."""
    top = max((cell.value for cell in cells.values()), default=0) or 1
    drawn = "".join(
        f'<a class="bar" href="{escape(cell.lead)}"><title>{escape(cell.title)}</title>'
        f'<rect class="reach" x="{hour}" y="{day}" width="1" height="1"/>'
        f'<rect class="heat" x="{hour}.06" y="{day}.08" width="0.88" height="0.84"'
        f' fill-opacity="{_depth(cell.value / top):.2f}"/></a>'
        for (day, hour), cell in sorted(cells.items())
    )
    rows = [
        (name, [cells[day, hour].shown if (day, hour) in cells else "" for hour in HOURS])
        for day, name in enumerate(DAYS)
    ]
    return Heat(SafeString(drawn), rows)


def _depth(share: float) -> float:
    """By the root, as a few busy hours would else leave all others white."""
    return _PALEST + (1 - _PALEST) * sqrt(max(0.0, share))
