"""The page of usage."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from dashboard.filters.filter import Filter
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.usage.charts import usage_page
from dashboard.queries import batches
from dashboard.queries.figures import SERVED


def usage(request: HttpRequest) -> HttpResponse:
    """A period in charts, seven days without one, split `by` model or domain."""
    bar = filter_bar(request, SERVED, others=("by",), unset="7 days by hour")
    split = bar.chosen("by", ("model", "domain"))
    context = usage_page(bar.filter, split, timezone.now()) | {
        "bar": bar,
        "waiting": _batches(bar.filter),
    }
    return render(request, "usage/page.html", context)


def _batches(chosen: Filter) -> dict[str, object]:
    """Those without results, whose model is not known yet, and the query that lists them."""
    if chosen.type not in ("", "batch"):
        return {}
    asked = chosen.only(batches.OWN)
    return {"count": batches.waiting(asked), "query": asked.to_query()}
