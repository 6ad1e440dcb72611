"""Compression of pages and of the API, decided for each response (docs/decisions/0048-compression.md)."""

import gzip
from functools import partial

import brotli
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import patch_vary_headers
from django.utils.deprecation import MiddlewareMixin

from dashboard.caching import BODIES

LEAST_BYTES = 400
# Fast ones: what is compressed here is made anew for each request.
_CODINGS = {
    "br": partial(brotli.compress, quality=4),
    "gzip": partial(gzip.compress, compresslevel=5, mtime=0),
}
_TEXTS = ("text/", "application/json", "application/javascript", "application/x-ndjson", "image/svg+xml")
_FROM_HERE = ("same-origin", "none")


class CompressionMiddleware(MiddlewareMixin):
    """Streamed responses stay as they are: nobody waits for the end of an export."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        if isinstance(response, HttpResponse) and is_text(response):
            patch_vary_headers(response, ("Accept-Encoding", "Sec-Fetch-Site"))
            if len(response.content) >= LEAST_BYTES and tells_no_length(request, response):
                compress(request, response)
        return response


def is_text(response: HttpResponseBase) -> bool:
    """Whether it would get smaller, and nobody has compressed it already."""
    return "Content-Encoding" not in response.headers and response.headers.get("Content-Type", "").startswith(
        _TEXTS
    )


def tells_no_length(request: HttpRequest, response: HttpResponseBase) -> bool:
    """Whether no other site can make a browser ask for it, to guess by its length what stands beside words of that site.

    Another site cannot send a key in a header. A browser says itself when another site made it ask; one that says nothing
    gets what holds bodies as it is.
    """
    if "X-API-Key" in request.headers or "Authorization" in request.headers:
        return True
    site = request.headers.get("Sec-Fetch-Site")
    if site is None:
        return BODIES not in response.headers.get("Cache-Control", "")
    return site in _FROM_HERE


def coding_for(request: HttpRequest) -> str:
    """The best one that the client takes; "" for none."""
    accepted = {
        part.split(";")[0].strip(): part for part in request.headers.get("Accept-Encoding", "").split(",")
    }
    return next(
        (name for name in _CODINGS if name in accepted and "q=0" not in accepted[name].replace("q=0.", "")),
        "",
    )


def compress(request: HttpRequest, response: HttpResponse) -> None:
    """In place; another form of the same thing has the same ETag, but a weak one."""
    coding = coding_for(request)
    if not coding:
        return
    response.content = _CODINGS[coding](response.content)
    response.headers["Content-Encoding"] = coding
    response.headers["Content-Length"] = str(len(response.content))
    tag = response.headers.get("ETag", "")
    if tag.startswith('"'):
        response.headers["ETag"] = f"W/{tag}"
