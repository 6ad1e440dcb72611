"""One bar that lies, of parts side by side, 1000 units wide: only attributes and classes, as in `charts`."""

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from django.utils.safestring import SafeString

WIDTH = 1000


class Part(NamedTuple):
    """`series` is the index of its colour; `title` is what a pointer shows."""

    value: int
    series: int
    title: str


def draw(parts: Sequence[Part]) -> SafeString:
    """The parts in their order, each as wide as its share; the borders are rounded, so that they fill the whole."""
    total, seen, x, drawn = sum(part.value for part in parts), 0, 0, []
    for part in parts:
        seen += part.value
        until = round(WIDTH * seen / total) if total else 0
        if until > x:
            title = escape(part.title)
            drawn.append(
                f'<rect class="s{part.series}" x="{x}" y="0" width="{until - x}" height="20"><title>{title}</title></rect>'
            )
        x = until
    return SafeString("".join(drawn))
