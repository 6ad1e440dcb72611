"""Static files straight from their packages: an address with the hash of its file is kept for a year, and texts come compressed."""

from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import brotli
from django.conf import settings
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from whitenoise.middleware import WhiteNoiseMiddleware

from dashboard.compression import coding_for, is_text

FOREVER = "public, max-age=31536000, immutable"


class VersionedStorage(StaticFilesStorage):
    """Its addresses have `?v=` and the beginning of the file's hash, so that nothing has to be collected."""

    def url(self, name: str | None) -> str:
        address = super().url(name)
        version = version_of(name or "")
        return f"{address}?v={version}" if version else address


class StaticFilesMiddleware:
    """A wrong version, as of a page from before an upgrade, gets the file of now, for no longer than others keep it."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response
        self._serve = WhiteNoiseMiddleware(get_response)

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if not request.path_info.startswith(settings.STATIC_URL):
            return self._get_response(request)
        response: HttpResponseBase = self._serve(request)
        name = request.path_info.removeprefix(settings.STATIC_URL)
        if "v" in request.GET and request.GET["v"] == version_of(name):
            response.headers["Cache-Control"] = FOREVER
        if response.status_code == 200 and is_text(response):
            response.headers["Vary"] = "Accept-Encoding"
            if request.method == "GET" and coding_for(request) == "br":
                return _compressed(response, name)
        return response


def _compressed(response: HttpResponseBase, name: str) -> HttpResponse:
    headers = {
        key: value
        for key, value in response.headers.items()
        if key not in ("Content-Length", "Accept-Ranges")
    }
    response.close()
    return HttpResponse(_packed(name), headers=headers | {"Content-Encoding": "br"})


@cache
def version_of(name: str) -> str:
    """ "" where there is no such file."""
    found = finders.find(name)
    return sha256(Path(found).read_bytes()).hexdigest()[:12] if isinstance(found, str) else ""


@cache
def _packed(name: str) -> bytes:
    """Compressed once for all: they are a few megabytes."""
    found = finders.find(name)
    if not isinstance(found, str):
        raise FileNotFoundError(name)
    return bytes(brotli.compress(Path(found).read_bytes(), quality=6))
