"""Percentiles as people read them: in cards, in lines over time and in a table."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from dashboard.drawing.charts import Axis, Chart
from dashboard.drawing.lines import drawn
from dashboard.pages.cards import Note
from dashboard.queries.sums.percentiles import SHARES, Spreads
from dashboard.templatetags.nexus import NOTHING, duration, grouped
from proxy.histograms import DURATIONS, FIRST_BYTES, SPEEDS, Histogram

# In the order of the page.
SHOWN = (FIRST_BYTES, DURATIONS, SPEEDS)
HELP = {
    FIRST_BYTES.name: "From the request to the first byte of the response",
    DURATIONS.name: "From the request to the last byte of the response",
    SPEEDS.name: "Output tokens a second of whole streams, from their first byte on",
}
# What is slow has much of a duration and little of a speed: the figure of a card is that of the slow end, or the middle.
_FIGURES = {FIRST_BYTES.name: "p95", DURATIONS.name: "p95", SPEEDS.name: "p50"}


@dataclass(frozen=True, slots=True)
class Card:
    """A percentile, with the others as notes."""

    title: str
    help: str
    figure: str
    notes: list[Note]


@dataclass(frozen=True, slots=True)
class Row:
    """A value with the percentiles of each of SHOWN, one after the other; `query` has it in the filter."""

    label: str
    query: str
    count: str
    cells: list[str]


def shown(histogram: Histogram, value: float | None) -> str:
    """2.4 s; 62/s."""
    if value is None:
        return NOTHING
    return duration(value) if histogram.unit == "ms" else f"{value:,.0f}/s"


def cards(spreads: Spreads) -> list[Card]:
    """One for each of SHOWN."""
    return [_card(histogram, spreads[histogram.name].values) for histogram in SHOWN]


def _card(histogram: Histogram, values: Mapping[str, float | None]) -> Card:
    name = _FIGURES[histogram.name]
    return Card(
        title=f"{histogram.label} {name}",
        help=HELP[histogram.name],
        figure=shown(histogram, values[name]),
        notes=[Note(f"{other} {shown(histogram, values[other])}") for other in SHARES if other != name],
    )


def charts(bars: Mapping[datetime, Spreads], total: Spreads, axis: Axis, step: str) -> list[Chart]:
    """A chart for each of SHOWN, with a line for each percentile."""
    return [_chart(histogram, bars, total, axis, step) for histogram in SHOWN]


def _chart(
    histogram: Histogram, bars: Mapping[datetime, Spreads], total: Spreads, axis: Axis, step: str
) -> Chart:
    name = histogram.name
    series = {
        share: {
            bar: value for bar, spreads in bars.items() if (value := spreads[name].values[share]) is not None
        }
        for share in SHARES
    }
    totals = [shown(histogram, total[name].values[share]) for share in SHARES]
    title = f"{histogram.label} per {step}, on a logarithmic scale"
    return drawn(title, series, totals, axis, lambda value: shown(histogram, value))


def row(label: str, query: str, spreads: Spreads) -> Row:
    """A line of the table."""
    cells = [
        shown(histogram, spreads[histogram.name].values[share]) for histogram in SHOWN for share in SHARES
    ]
    return Row(label, query, grouped(spreads[DURATIONS.name].count), cells)
