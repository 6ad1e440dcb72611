"""The page of Nexus's own health."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from dashboard.pages.health.checks import State
from dashboard.pages.health.sections import sections
from proxy import restarts


def health(request: HttpRequest) -> HttpResponse:
    """Each section with its checks; what is red or yellow stands above all of them again."""
    found = sections()
    troubles = [
        (section, check)
        for state in (State.BAD, State.WARN)
        for section in found
        for check in section.checks
        if check.state == state
    ]
    context = {"sections": found, "troubles": troubles, "restarts": restarts.read(settings.NEXUS_DATA_DIR)}
    return render(request, "health/page.html", context)
