"""All sums bar by bar, for each value of a dimension of the rollups: one look at the rows for cards, their lines and a chart."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime

from dashboard.filters.filter import Filter
from dashboard.queries.sums.breakdowns import By
from dashboard.queries.sums.figures import AGGREGATES, Figures, of_row, together
from dashboard.queries.sums.usage import NAMED_SERIES, OTHERS, Cut, rows_of, start_of

Bars = Mapping[datetime, Figures]


def courses(by: By, chart: Cut, chosen: Filter) -> dict[str, Bars]:
    """The dearest value first."""
    parts: dict[str, dict[datetime, list[Figures]]] = defaultdict(lambda: defaultdict(list))
    for rows in rows_of(by, chart, chosen):
        moment = "day" if rows.model is by.tables.days else "hour"
        for row in rows.order_by().values(moment, by.column).annotate(**AGGREGATES):
            place = max(0, bisect_right(chart.starts, start_of(row[moment])) - 1)
            parts[row[by.column]][chart.starts[place]].append(of_row(row))
    found = {value: {bar: together(sums) for bar, sums in bars.items()} for value, bars in parts.items()}
    return dict(sorted(found.items(), key=lambda item: (-_cost(item[1]), item[0])))


def of_all(found: Iterable[Bars]) -> dict[datetime, Figures]:
    """All values together."""
    parts: dict[datetime, list[Figures]] = defaultdict(list)
    for bars in found:
        for bar, sums in bars.items():
            parts[bar].append(sums)
    return {bar: together(sums) for bar, sums in parts.items()}


def folded(found: Mapping[str, Bars]) -> dict[str, Bars]:
    """The first few values, and what is left over as OTHERS."""
    named = dict(list(found.items())[:NAMED_SERIES])
    rest = of_all(bars for value, bars in found.items() if value not in named)
    return named | ({OTHERS: rest} if rest else {})


def _cost(bars: Bars) -> float:
    return float(sum(sums.cost_usd for sums in bars.values()))
