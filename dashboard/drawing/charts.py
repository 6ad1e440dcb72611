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
    """A bar for each moment of `bars`, called by its label; `marks` stand below at even distances.

    `leads` are the addresses that bars lead to, `explains` those that say why a bar is not as the bar before; each may be empty.
    `end` is where the last bar ends and `zone` where people are, of a chart whose period can be narrowed by hand.
    """

    bars: Sequence[datetime]
    labels: Sequence[str]
    marks: Sequence[str]
    leads: Sequence[str] = ()
    explains: Sequence[str] = ()
    end: datetime | None = None
    zone: str = ""

    @property
    def edges(self) -> str:
        """Where bars begin and the last one ends, in hours since 1970, for the script that narrows the period."""
        moments = [*self.bars, self.end] if self.end else []
        return " ".join(str(int(moment.timestamp()) // 3600) for moment in moments)

    def lead(self, index: int) -> str:
        """Where a bar leads, "" for nowhere."""
        return self.leads[index] if self.leads else ""

    def row(self, index: int, cells: list[str]) -> "Row":
        """A bar's line in the table."""
        explain = self.explains[index] if self.explains else ""
        return Row(self.labels[index], cells, self.lead(index), explain)


def even_marks(count: int) -> list[int]:
    """Which of so many bars have a mark: four to eight where they can be as many bars apart, else seven or fewer."""
    marks = next((marks for marks in (7, 8, 6, 5, 4) if count % marks == 0), min(7, count))
    return [index * count // marks for index in range(marks)]


@dataclass(frozen=True, slots=True)
class Bar:
    """One hour, day or turn; `title` is what a pointer shows and a screen reader says, a line for each series."""

    x: int
    title: str
    segments: list[Segment]
    lead: str = ""

    @property
    def drawing(self) -> SafeString:
        """It as SVG. A page has thousands of parts, for which a template's loop would take longer than all the rest of the page."""
        parts = "".join(
            f'<rect class="s{segment.series}" x="{self.x}.08" y="{segment.y}" width="0.84" height="{segment.height}"/>'
            for segment in self.segments
        )
        return reaching(self.x, self.title, self.lead, parts)


def reaching(x: int, title: str, lead: str, parts: str = "") -> SafeString:
    """The whole height of a bar, to point at and to follow."""
    inside = (
        f'<title>{escape(title)}</title><rect class="reach" x="{x}" y="0" width="1" height="100"/>{parts}'
    )
    if not lead:
        return SafeString(f'<g class="bar">{inside}</g>')
    return SafeString(f'<a class="bar" href="{escape(lead)}">{inside}</a>')


@dataclass(frozen=True, slots=True)
class Series:
    """One colour of the legend."""

    index: int
    name: str
    total: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table that says the same as the chart; its addresses are those of `Axis`."""

    label: str
    cells: list[str]
    lead: str = ""
    explain: str = ""

    @property
    def drawing(self) -> SafeString:
        """The line as HTML, for the same reason."""
        name = escape(self.label)
        if self.lead:
            name = f'<a class="only" href="{escape(self.lead)}">{name}</a>'
        cells = "".join(f'<td class="number">{escape(cell)}</td>' for cell in self.cells)
        if self.explain:
            cells += f'<td><a href="{escape(self.explain)}">Explain</a></td>'
        return SafeString(f'<tr><th scope="row">{name}</th>{cells}</tr>')


@dataclass(frozen=True, slots=True)
class Chart:
    """`ticks` label the vertical axis from top to bottom at even distances, `marks` the horizontal one from left to right.

    `drawing` is what stands in its box, as SVG, `writing` what is written over it; `edges` and `zone` are those of `Axis`.
    """

    title: str
    width: int
    series: list[Series]
    drawing: SafeString
    ticks: list[str]
    marks: Sequence[str]
    rows: list[Row]
    writing: str = ""
    edges: str = ""
    zone: str = ""

    @property
    def grid(self) -> list[float]:
        """Where the lines of the ticks lie, those at the edges within the box."""
        steps = max(1, len(self.ticks) - 1)
        return [min(max(index * HEIGHT / steps, 0.5), HEIGHT - 0.5) for index in range(steps + 1)]

    @property
    def explains(self) -> bool:
        """Whether its table has a column for that."""
        return any(row.explain for row in self.rows)

    @property
    def lines(self) -> SafeString:
        """All rows."""
        return SafeString("".join(row.drawing for row in self.rows))


def stacked(
    title: str,
    series: Mapping[str, Mapping[datetime, Number]],
    axis: Axis,
    show: Callable[[Number], str],
    colours: Mapping[str, int] | None = None,
) -> Chart:
    """Stack the series bar by bar, in these colours by name, else in those of their order."""
    bars = axis.bars
    indexes = [(colours or {}).get(name, index) for index, name in enumerate(series)]
    sums = [sum((values.get(bar, 0) for values in series.values()), start=Decimal(0)) for bar in bars]
    top = ceiling(max(sums, default=Decimal(0)))
    filled = [index for index, value in enumerate(sums) if value]
    return Chart(
        title=title,
        width=len(bars),
        series=[
            Series(index, name, show(sum(values.values(), start=Decimal(0))))
            for index, (name, values) in zip(indexes, series.items(), strict=True)
        ],
        drawing=SafeString(
            "".join(
                Bar(
                    index,
                    _title(axis.labels[index], show(sums[index]), series, bars[index], show),
                    stack(
                        zip(indexes, (values.get(bars[index], 0) for values in series.values()), strict=True),
                        top,
                    ),
                    axis.lead(index),
                ).drawing
                for index in filled
            )
        ),
        ticks=[show(top), show(top / 2), "0"],
        marks=axis.marks,
        rows=[
            axis.row(index, [show(values.get(bars[index], 0)) for values in series.values()])
            for index in reversed(filled)
        ],
        edges=axis.edges,
        zone=axis.zone,
    )


def _title(
    label: str,
    whole: str,
    series: Mapping[str, Mapping[datetime, Number]],
    bar: datetime,
    show: Callable[[Number], str],
) -> str:
    """What a bar says: all together, then each series that has anything, the one on top first."""
    parts = [f"{name}: {show(value)}" for name, values in series.items() if (value := values.get(bar, 0))]
    return "\n".join([f"{label}: {whole}", *reversed(parts)])


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
