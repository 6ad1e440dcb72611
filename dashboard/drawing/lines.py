"""Lines over time, on a logarithmic scale: seconds and minutes stand in one chart, and both can be read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from html import escape
from math import ceil, floor, log10

from django.utils.safestring import SafeString

from dashboard.drawing.charts import HEIGHT, Axis, Chart, Series, reaching

Values = Mapping[datetime, float]
Show = Callable[[float], str]
# One decade alone would make a ripple look like a mountain.
FEWEST_DECADES = 2
# Names beside points would else lie over each other; in hundredths of the height.
APART = 14


def drawn(title: str, series: Mapping[str, Values], totals: Sequence[str], axis: Axis, show: Show) -> Chart:
    """A line for each series, interrupted where a bar has nothing; `totals` stand in the legend."""
    found = [value for values in series.values() for value in values.values() if value > 0]
    low, high = _decades(found)
    filled = [
        index for index, bar in enumerate(axis.bars) if any(bar in values for values in series.values())
    ]
    lines = [_line(values, axis.bars, low, high, index) for index, values in enumerate(series.values())]
    bars = [
        reaching(index, _title(axis.labels[index], series, axis.bars[index], show), axis.lead(index))
        for index in filled
    ]
    return Chart(
        title=title,
        width=len(axis.bars),
        series=[Series(index, name, totals[index]) for index, name in enumerate(series)],
        drawing=SafeString("".join([*bars, *lines])),
        ticks=[show(float(10**power)) for power in range(high, low - 1, -1)],
        marks=axis.marks,
        rows=[
            axis.row(index, [_shown(values, axis.bars[index], show) for values in series.values()])
            for index in reversed(filled)
        ],
        writing=_names(series, axis.bars, (low, high), show) if len(filled) == 1 else SafeString(""),
        edges=axis.edges,
        zone=axis.zone,
    )


def _decades(found: Sequence[float]) -> tuple[int, int]:
    """The powers of ten below and above all values."""
    if not found:
        return 0, FEWEST_DECADES
    low, high = floor(log10(min(found))), ceil(log10(max(found)))
    return low, max(high, low + FEWEST_DECADES)


def _line(values: Values, bars: Sequence[datetime], low: int, high: int, index: int) -> str:
    """A path through the middles of its bars; a bar between two gaps is a dot."""
    points = [(place, values[bar]) for place, bar in enumerate(bars) if bar in values]
    places = {place for place, _ in points}
    path, dots = [], []
    for place, value in points:
        at = f"{place + 0.5} {_height(value, low, high):.2f}"
        if not places & {place - 1, place + 1}:
            dots.append(f"M{at}h0")
        else:
            path.append(("L" if place - 1 in places else "M") + at)
    drawn = f'<path class="line l{index}" d="{"".join(path)}"/>' if path else ""
    return drawn + (f'<path class="line dot l{index}" d="{"".join(dots)}"/>' if dots else "")


def _height(value: float, low: int, high: int) -> float:
    """From the top."""
    return HEIGHT * (high - log10(max(value, 10**low))) / (high - low)


def _names(
    series: Mapping[str, Values], bars: Sequence[datetime], decades: tuple[int, int], show: Show
) -> SafeString:
    """What stands beside the points of a chart that has a single bar with anything; in percent, as text must not be stretched."""
    found = [
        (_height(value, *decades), place, f"{name} {show(value)}")
        for name, values in series.items()
        for place, bar in enumerate(bars)
        if (value := values.get(bar)) is not None
    ]
    written, above = [], -float(APART)
    for y, place, text in sorted(found):
        above = max(y, above + APART)
        side = 'dx="-10" text-anchor="end"' if place + 1 > len(bars) / 2 else 'dx="10"'
        x = 100 * (place + 0.5) / len(bars)
        written.append(f'<text x="{x:.2f}%" y="{above:.2f}%" dy="4" {side}>{escape(text)}</text>')
    return SafeString("".join(written))


def _title(label: str, series: Mapping[str, Values], bar: datetime, show: Show) -> str:
    return "\n".join([label, *(f"{name}: {_shown(values, bar, show)}" for name, values in series.items())])


def _shown(values: Values, bar: datetime, show: Show) -> str:
    value = values.get(bar)
    return "\u2013" if value is None else show(value)
