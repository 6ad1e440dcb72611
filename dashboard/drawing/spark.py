"""Small lines and bars without axes, for cards and rows of tables: 100 units wide, 24 high."""

from collections.abc import Sequence
from html import escape

from django.utils.safestring import SafeString

WIDTH, HEIGHT = 100, 24
_INSET = 1.5


def line(values: Sequence[float | None], top: float | None = None) -> SafeString:
    """A line through values at even distances, with a gap where there is None; `top` is the height, else the greatest of them."""
    known = [value for value in values if value is not None]
    if not known:
        return SafeString("")
    highest = max(known) if top is None else top
    parts, pen = [], "M"
    for place, value in enumerate(values):
        if value is None:
            pen = "M"
            continue
        x = WIDTH * (place + 0.5) / len(values)
        parts.append(f"{pen}{x:.2f} {_y(value, highest):.2f}" + ("h0" if pen == "M" else ""))
        pen = "L"
    return SafeString(f'<path class="line" d="{"".join(parts)}"/>')


def bars(values: Sequence[float], titles: Sequence[str], leads: Sequence[str]) -> SafeString:
    """A bar for each value that is not zero, which says its title and leads on."""
    highest, width = max(values, default=0), WIDTH / max(1, len(values))
    return SafeString(
        "".join(
            f'<a class="bar" href="{escape(leads[place])}"><title>{escape(titles[place])}</title>'
            f'<rect class="reach" x="{place * width:.2f}" y="0" width="{width:.2f}" height="{HEIGHT}"/>'
            f'<rect class="filled" x="{place * width:.2f}" y="{_y(value, highest):.2f}" width="{width * 0.8:.2f}"'
            f' height="{HEIGHT - _y(value, highest):.2f}"/></a>'
            for place, value in enumerate(values)
            if value
        )
    )


def _y(value: float, highest: float) -> float:
    """From the top, so that no stroke is cut off at the edges."""
    share = min(1.0, max(0.0, value / highest)) if highest else 0.0
    return HEIGHT - _INSET - (HEIGHT - 2 * _INSET) * share
