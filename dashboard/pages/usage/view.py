"""The page of usage, and its table as a file."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.access import signin
from dashboard.caching import BODIES
from dashboard.filters.filter import Filter, FilterError
from dashboard.pages import exports
from dashboard.pages.filter_bar import FilterBar, filter_bar
from dashboard.pages.usage import charts, table
from dashboard.queries import batches
from dashboard.queries.sums.breakdowns import DIMENSIONS, By, dimensions_for

SERVED = tuple(dict.fromkeys(name for by in DIMENSIONS.values() for name in by.served))


def usage(request: HttpRequest) -> HttpResponse:
    """A period in charts, seven days without one, split `by` a dimension; `format` gives the table as a file."""
    bar = filter_bar(request, SERVED, others=("by", "format"), unset="7 days by hour")
    form = bar.chosen("format", exports.FORMATS)
    by = _dimension(bar)
    kept = {"by": by.name} if bar.kept.get("by") == by.name else {}
    bar = bar.serving(by.served, f"sums by {charts.dimension_of(by)}").keeping(**kept)
    now = timezone.now()
    if form:
        cut = charts.cut_of(bar.filter, now)
        earlier = charts.earlier_than(cut, bar.filter, now)
        sides = charts.sides_of(by, cut.span, earlier, bar.filter, charts.MOST_OF_CONVERSATIONS)
        rows = table.exported(sides, by)
        return exports.export(form, f"usage-by-{by.name}", table.COLUMNS, rows)
    with_titles = bool(by.of_conversations) and signin.reads_bodies(request)
    context = charts.usage_page(bar, by, now, with_titles=with_titles) | {
        "bar": bar,
        "tabs": _tabs(bar, by),
        "files": {name: bar.filter.to_query(by=by.name, format=name) for name in exports.FORMATS if name},
        "waiting": _batches(bar.filter),
    }
    response = render(request, "usage/page.html", context)
    if with_titles:
        response.headers["Cache-Control"] = BODIES
    return response


def _dimension(bar: FilterBar) -> By:
    """The one that the address names, else the first that takes all of its filter."""
    if "by" in bar.kept:
        return DIMENSIONS[bar.chosen("by", [*DIMENSIONS])]
    try:
        usable = dimensions_for(bar.filter)
    except FilterError:
        usable = []
    return usable[0] if usable else DIMENSIONS["model"]


def _tabs(bar: FilterBar, chosen: By) -> list[tuple[str, str, bool]]:
    """A name, the query and whether it is shown, for each dimension."""
    return [
        (charts.dimension_of(by), bar.filter.to_query(by=by.name), by is chosen) for by in DIMENSIONS.values()
    ]


def _batches(chosen: Filter) -> dict[str, object]:
    """Those without results, whose model is not known yet, and the query that lists them."""
    if chosen.type not in ("", "batch"):
        return {}
    asked = chosen.only(batches.OWN)
    return {"count": batches.waiting(asked), "query": asked.to_query()}
