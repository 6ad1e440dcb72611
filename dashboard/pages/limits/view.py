"""The page of limits."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.limits import use as limit_use


def limits(request: HttpRequest) -> HttpResponse:
    """Each limit, and how much of it is used now."""
    return render(request, "limits/page.html", {"overview": limit_use.overview()})
