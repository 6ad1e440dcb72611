"""A view that only passes on, without a rule or a record: what Django, uvicorn, httpx's types and aiohttp cost by themselves.

`make bench` measures it beside Nexus, because on a slower machine it is slower as Nexus is (`tests.bench.pace`).
Run by uvicorn, with the upstream's address in BENCH_UPSTREAM.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any

import aiohttp
import django
import httpx
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import re_path
from multidict import CIMultiDict
from yarl import URL

from nexus_project import env
from proxy.relay.background import spawn

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

UPSTREAM = env.text("BENCH_UPSTREAM")
NOT_PASSED_ON = {b"host", b"connection", b"content-length", b"transfer-encoding"}
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATA_UPLOAD_MAX_MEMORY_SIZE=None,
    LOGGING_CONFIG=None,
    MIDDLEWARE=[],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a measurement",
)
django.setup()
_sessions: list[aiohttp.ClientSession] = []


class Body(httpx.AsyncByteStream):
    """The answer's bytes as they come."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for fragment in self._response.content.iter_any():
            yield fragment

    async def aclose(self) -> None:
        self._response.release()


async def ask(request: httpx.Request) -> httpx.Response:
    """Send it upstream."""
    if not _sessions:
        connector, jar = aiohttp.TCPConnector(limit=0), aiohttp.DummyCookieJar()
        made = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")
        _sessions.append(
            aiohttp.ClientSession(
                auto_decompress=False, connector=connector, cookie_jar=jar, skip_auto_headers=made
            )
        )
    response = await _sessions[0].request(
        request.method,
        URL(str(request.url), encoded=True),
        headers=CIMultiDict((name.decode(), value.decode()) for name, value in request.headers.raw),
        data=request.content,
        allow_redirects=False,
    )
    return httpx.Response(
        response.status, headers=response.raw_headers, stream=Body(response), request=request
    )


async def passed_on(request: ASGIRequest) -> HttpResponseBase:
    """The view: a stream as it comes, anything else when it is whole."""
    headers = [(name, value) for name, value in request.scope["headers"] if name not in NOT_PASSED_ON]
    address = UPSTREAM + request.get_full_path()
    response = await ask(
        httpx.Request(request.method or "POST", address, headers=headers, content=request.body)
    )
    kept = {
        name.decode(): value.decode()
        for name, value in response.headers.raw
        if name.lower() not in NOT_PASSED_ON
    }
    fragments = _fragments(response)
    if response.headers.get("content-type", "").startswith("text/event-stream"):
        return StreamingHttpResponse(fragments, status=response.status_code, headers=kept)
    body = b"".join([fragment async for fragment in fragments])
    return HttpResponse(body, status=response.status_code, headers=kept)


async def _fragments(response: httpx.Response) -> AsyncIterator[bytes]:
    stream = response.stream
    assert isinstance(stream, Body)
    try:
        async for fragment in stream:
            yield fragment
    finally:
        await stream.aclose()


class Handler(ASGIHandler):
    """Django's resolver and view, without a thread, a context and a temporary file for each request."""

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:  # type: ignore[override]  # a dict
        """Serve one request."""
        parts, more = [], True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            parts.append(message["body"])
            more = message["more_body"]
        leaving = spawn(self._leave(receive, asyncio.current_task()), "leaving")
        try:
            with suppress(asyncio.CancelledError):
                response = await self.get_response_async(ASGIRequest(scope, BytesIO(b"".join(parts))))
                await self.send_response(response, send)
        finally:
            leaving.cancel()

    async def _leave(self, receive: Receive, serving: "asyncio.Task[None] | None") -> None:
        await receive()
        if serving:
            serving.cancel()


urlpatterns = [re_path(r"^v1/", passed_on)]
application = Handler()
