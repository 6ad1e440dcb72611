"""The page of usage."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.usage.charts import usage_page
from dashboard.queries import batches
from dashboard.queries.figures import SERVED


def usage(request: HttpRequest) -> HttpResponse:
    """Seven days in charts, split `by` model or domain."""
    bar = filter_bar(request, SERVED, others=("by",))
    domain = bar.filter.domain
    split = "domain" if request.GET.get("by") == "domain" else "model"
    context = usage_page(bar.filter, split) | {
        "domain": domain,
        "bar": bar,
        "batches_waiting": batches.waiting(domain),
    }
    return render(request, "usage/page.html", context)
