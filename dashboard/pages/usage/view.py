"""The page of usage."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.filters import chosen_domain
from dashboard.pages.usage.charts import usage_page
from dashboard.queries import batches, exchanges


def usage(request: HttpRequest) -> HttpResponse:
    """Seven days in charts, split `by` model or domain."""
    domain = chosen_domain(request)
    split = "domain" if request.GET.get("by") == "domain" else "model"
    context = usage_page(domain, split) | {
        "domain": domain,
        "domain_names": exchanges.domain_names,
        "batches_waiting": batches.waiting(domain),
    }
    return render(request, "usage/page.html", context)
