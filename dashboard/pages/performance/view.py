"""The page of performance."""

from dataclasses import dataclass

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from accounts.secrets.masking import mask_text
from dashboard.filters.filter import Filter
from dashboard.pages import time_axis
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.pages.metric_text import part
from dashboard.pages.performance import spreads
from dashboard.queries import exchanges
from dashboard.queries.sums import usage
from dashboard.queries.sums.breakdowns import DIMENSIONS, By, breakdown, total
from dashboard.queries.sums.figures import ROLLUPS, SERVED, Figures
from dashboard.queries.sums.percentiles import Spreads, by_value, over_time, together
from dashboard.queries.sums.spans import span_of
from dashboard.queries.sums.usage import Cut

SLOWEST = 20
MOST_VALUES = 50
_SPLITS = [name for name, by in DIMENSIONS.items() if by.tables is ROLLUPS]
_ERRORS = DIMENSIONS["errorType"]


@dataclass(frozen=True, slots=True)
class Failure:
    """A type of error with its share of all requests; `requests` are those that had it, as a query."""

    name: str
    count: int
    share: str
    requests: str


def performance(request: HttpRequest) -> HttpResponse:
    """A period, 24 hours without one, and percentiles `by` model, domain, account or type."""
    bar = filter_bar(request, SERVED, others=("by",), unset="Last 24 hours", counted="24h")
    by = DIMENSIONS[bar.chosen("by", _SPLITS)]
    bar = bar.keeping(**({"by": by.name} if bar.kept.get("by") == by.name else {}))
    chosen, now = bar.filter, timezone.now()
    cut = usage.cut(span_of(chosen, now), now)
    axis = time_axis.leading(time_axis.axis_of(cut), cut, chosen, "performance", **bar.kept)
    whole = together(cut.span, chosen, by)
    stretch = time_axis.within(chosen, (cut.span.since, cut.end))
    sums = total(cut.span, chosen)
    context = {
        "bar": bar,
        "by": by.name,
        "span": cut.span,
        "step": cut.step,
        "total": sums,
        "tabs": [(name, bar.filter.to_query(by=name), name == by.name) for name in _SPLITS],
        "cards": spreads.cards(whole),
        "charts": spreads.charts(over_time(by, cut, chosen), whole, axis, cut.step),
        "histograms": [(histogram, spreads.HELP[histogram.name]) for histogram in spreads.SHOWN],
        "rows": _rows(by_value(by, cut.span, chosen), by, bar),
        "slowest": exchanges.slowest(stretch, SLOWEST),
        "unserved": [name for name in chosen.given() if name not in _ERRORS.served],
        "failures": _failures(cut, chosen, sums),
        "period_query": stretch.to_query(),
    }
    return render(request, "performance/page.html", context)


def _rows(found: dict[str, Spreads], by: By, bar: FilterBar) -> list[spreads.Row]:
    """The busiest first."""
    counts = {value: each["durations"].count for value, each in found.items()}
    busiest = sorted((value for value in found if counts[value]), key=lambda value: (-counts[value], value))
    return [
        spreads.row(mask_text(value) or "(none)", bar.adding(by.name, value), found[value])
        for value in busiest[:MOST_VALUES]
    ]


def _failures(cut: Cut, chosen: Filter, whole: Figures) -> list[Failure]:
    """The most frequent first; none where sums by type of error cannot be filtered so."""
    if chosen.given().keys() - set(_ERRORS.served):
        return []
    sums = breakdown(_ERRORS, cut.span, chosen)
    counts = {name: int(found.requests) for name, found in sums.items() if found.requests}
    stretch = time_axis.within(chosen, (cut.span.since, cut.end))
    return [
        Failure(
            name=name,
            count=counts[name],
            share=part(counts[name] / whole.requests if whole.requests else None),
            requests=stretch.adding("errorType", name).to_query(),
        )
        for name in sorted(counts, key=lambda name: (-counts[name], name))
    ]
