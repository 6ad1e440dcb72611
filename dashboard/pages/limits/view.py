"""The page of limits."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.pages.filter_bar import filter_bar
from dashboard.queries.limits import SERVED, overview


def limits(request: HttpRequest) -> HttpResponse:
    """Each limit, and how much of it is used now."""
    bar = filter_bar(request, SERVED)
    return render(request, "limits/page.html", {"bar": bar, "overview": overview(bar.filter)})
