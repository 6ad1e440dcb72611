"""The page of what runs now. Its rows come by the websocket, their names by `part=names`."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from accounts import stopping
from dashboard.access.signin import may_stop, reads_bodies
from dashboard.caching import BODIES
from dashboard.pages.filter_bar import filter_bar
from dashboard.pages.live.names import names

SERVED = ("domain", "model")
SILENT_SECONDS = 20
JUST_ENDED = 8


def live(request: HttpRequest) -> HttpResponse:
    """The page, or what its rows are called."""
    if request.GET.get("part") == "names":
        return _names(request)
    context = {
        "bar": filter_bar(request, SERVED),
        "with_words": reads_bodies(request),
        "may_stop": may_stop(request),
        "choices": stopping.CHOICES,
        "silent": SILENT_SECONDS,
        "just_ended": range(JUST_ENDED),
    }
    return render(request, "live/page.html", context)


def _names(request: HttpRequest) -> JsonResponse:
    asked = request.GET.getlist("session"), request.GET.getlist("key")
    response = JsonResponse(names(*asked, with_words=reads_bodies(request)))
    response.headers["Cache-Control"] = BODIES
    return response
