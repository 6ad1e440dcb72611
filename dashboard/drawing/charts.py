"""Charts that the server draws: stacked bars as SVG rectangles in a box of 100 units' height, one unit's width a bar.

Only attributes and classes, because the pages' policy allows no style attribute; every chart can be read as a table as well.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from html import escape

from django.utils.safestring import SafeString

HEIGHT = 100
Number = int | Decimal


@dataclass(frozen=True, slots=True)
class Segment:
    """A part of a bar: `series` is the index of its colour."""

    y: float
    height: float
    series: int


@dataclass(frozen=True, slots=True)
class Axis:
    """A bar for each moment of `bars`, called by its label; `marks` stand below at even distances."""

    bars: Sequence[datetime]
    labels: Sequence[str]
    marks: Sequence[str]


def even_marks(count: int) -> list[int]:
    """Which of so many bars have a mark: four to eight where they can be as many bars apart, else seven or fewer."""
    marks = next((marks for marks in (7, 8, 6, 5, 4) if count % marks == 0), min(7, count))
    return [index * count // marks for index in range(marks)]


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour, day or turn; `title` is what a pointer shows and a screen reader says, `href` where it leads, "" for nowhere."""

    x: int
    title: str
    segments: list[Segment]
    href: str = ""

    @property
    def drawing(self) -> SafeString:
        """It as SVG. A page has thousands of parts, for which a template's loop would take longer than all the rest of the page."""
        parts = "".join(
            f'<rect class="s{segment.series}" x="{self.x}.08" y="{segment.y}" width="0.84" height="{segment.height}"/>'
            for segment in self.segments
        )
        reach = f'<rect class="reach" x="{self.x}" y="0" width="1" height="100"/>'
        opening, closing = (
            (f'<a class="bar" href="{escape(self.href)}">', "</a>")
            if self.href
            else ('<g class="bar">', "</g>")
        )
        return SafeString(f"{opening}<title>{escape(self.title)}</title>{reach}{parts}{closing}")


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the legend."""

    index: int
    name: str
    total: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that says the same as the chart; `href` is that of its bar."""

    label: str
    cells: list[str]
    href: str = ""

    @property
    def drawing(self) -> SafeString:
        """The line as HTML, for the same reason."""
        cells = "".join(f'<td class="number">{escape(cell)}</td>' for cell in self.cells)
        label = f'<a href="{escape(self.href)}">{escape(self.label)}</a>' if self.href else escape(self.label)
        return SafeString(f'<tr><th scope="row">{label}</th>{cells}</tr>')


@dataclass(frozen=True, slots=True)
class Chart:
    """`ticks` label the vertical axis from top to bottom, `marks` the horizontal one from left to right."""

    title: str
    width: int
    series: list[Series]
    bars: list[Bar]
    ticks: list[str]
    marks: Sequence[str]
    rows: list[Row]

    @property
    def drawing(self) -> SafeString:
        """All bars."""
        return SafeString("".join(bar.drawing for bar in self.bars))

    @property
    def lines(self) -> SafeString:
        """All rows."""
        return SafeString("".join(row.drawing for row in self.rows))


def stacked(
    title: str,
    series: Mapping[str, Mapping[datetime, Number]],
    axis: Axis,
    show: Callable[[Number], str],
) -> Chart:
    """Stack the series bar by bar."""
    bars = axis.bars
    sums = [sum((values.get(bar, 0) for values in series.values()), start=Decimal(0)) for bar in bars]
    top = ceiling(max(sums, default=Decimal(0)))
    filled = [index for index, value in enumerate(sums) if value]
    labels = axis.labels
    return Chart(
        title=title,
        width=len(bars),
        series=[
            Series(index, name, show(sum(values.values(), start=Decimal(0))))
            for index, (name, values) in enumerate(series.items())
        ],
        bars=[
            Bar(
                index,
                f"{labels[index]} — {show(sums[index])}",
                stack(enumerate(values.get(bars[index], 0) for values in series.values()), top),
            )
            for index in filled
        ],
        ticks=[show(top), show(top / 2), "0"],
        marks=axis.marks,
        rows=[
            Row(labels[index], [show(values.get(bars[index], 0)) for values in series.values()])
            for index in reversed(filled)
        ],
    )


def stack(values: Iterable[tuple[int, Number]], top: Number) -> list[Segment]:
    """A bar of (series, value), the first at the bottom; `top` fills the whole height."""
    segments, y = [], float(HEIGHT)
    for series, value in values:
        if value:
            height = round(float(value) / float(top) * HEIGHT, 3)
            y -= height
            segments.append(Segment(round(y, 3), height, series))
    return segments


def ceiling(value: Number) -> Decimal:
    """The next of 1, 2, 3, 4, 6 or 8 times a power of ten: a top whose half is a readable tick as well."""
    if value <= 0:
        return Decimal(1)
    power = Decimal(10) ** Decimal(value).adjusted()
    return next(power * step for step in (1, 2, 3, 4, 6, 8, 10) if power * step >= value)
