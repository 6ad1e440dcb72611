"""Lines over time, on a logarithmic scale: seconds and minutes stand in one chart, and both can be read."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from math import ceil, floor, log10

from django.utils.safestring import SafeString

from dashboard.drawing.charts import HEIGHT, Axis, Chart, Series, reaching

Values = Mapping[datetime, float]
Show = Callable[[float], str]
# One decade alone would make a ripple look like a mountain.
FEWEST_DECADES = 2


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
    )


def _decades(found: Sequence[float]) -> tuple[int, int]:
    """The powers of ten below and above all values."""
    if not found:
        return 0, FEWEST_DECADES
    low, high = floor(log10(min(found))), ceil(log10(max(found)))
    return low, max(high, low + FEWEST_DECADES)


def _line(values: Values, bars: Sequence[datetime], low: int, high: int, index: int) -> str:
    """A path through the middles of its bars; a bar between two gaps is a dot."""
    path, pen = [], "M"
    for position, bar in enumerate(bars):
        value = values.get(bar)
        if value is None:
            pen = "M"
            continue
        y = HEIGHT * (high - log10(max(value, 10**low))) / (high - low)
        path.append(f"{pen}{position + 0.5} {y:.2f}" + ("h0" if pen == "M" else ""))
        pen = "L"
    return f'<path class="line l{index}" d="{"".join(path)}"/>' if path else ""


def _title(label: str, series: Mapping[str, Values], bar: datetime, show: Show) -> str:
    return "\n".join([label, *(f"{name}: {_shown(values, bar, show)}" for name, values in series.items())])


def _shown(values: Values, bar: datetime, show: Show) -> str:
    value = values.get(bar)
    return "\u2013" if value is None else show(value)
