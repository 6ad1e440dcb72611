"""The way to the API: httpx's transport interface over aiohttp's connections (docs/decisions/0004).

Called directly and not through a client: cookies, redirects, an auth flow and hooks have no place in a proxy, and cost more
than the proxying itself.
"""

import asyncio
from functools import lru_cache

import aiohttp
import httpx
from django.conf import settings

from accounts.outbound.tunnel import Unreachable
from proxy.relay.http.headers import Headers
from proxy.relay.http.request_body import Source
from proxy.relay.upstream.connector import connector
from proxy.relay.upstream.direct_body import DirectBody
from proxy.relay.upstream.request import BadHead, Origin, UpstreamRequest, head_of
from proxy.relay.upstream.response_body import ResponseBody
from proxy.relay.upstream.response_parser import BadResponse


class UpstreamTransport(httpx.AsyncBaseTransport):
    """One pool of connections; made within the event loop that uses it."""

    def __init__(self, connect_seconds: float, idle_seconds: float) -> None:
        self._connector = connector()
        self._limits = aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds)
        self._idle_seconds = idle_seconds
        self._origins: dict[str, Origin] = {}
        self._body = DirectBody if settings.EVENTS_DIRECT else ResponseBody

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send, once: a connection that breaks is reported, and the client decides whether to ask again.

        `extensions` carries base, target and body (bytes, or a Source, whose errors pass). Raises httpx.ConnectError,
        ConnectTimeout, ReadTimeout, ReadError, or a RemoteProtocolError or LocalProtocolError where the answer or the request is
        no HTTP.
        """
        try:
            upstream_request = await self._begin(request)
            try:
                head = await upstream_request.response()
            except BaseException:
                upstream_request.close()
                raise
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _translated(error, request) from error
        stream = self._body(upstream_request)
        return httpx.Response(head.status, headers=head.headers, stream=stream, request=request)

    async def _begin(self, request: httpx.Request) -> UpstreamRequest:
        base, target, body = (request.extensions[name] for name in ("base", "target", "body"))
        origin = self._origins.get(base)
        if origin is None:
            origin = self._origins[base] = Origin.at(base)
        try:
            size = len(body) if isinstance(body, bytes) else body.length
            head = head_of(origin, request.method, target, request.headers.raw, size)
        except BadHead as error:
            raise httpx.LocalProtocolError(str(error), request=request) from error
        try:
            connection = await self._connector.connect(origin.request, [], self._limits)
        except TimeoutError as error:
            seconds = self._limits.sock_connect
            message = f"no connection within {seconds} s ({error})"
            raise httpx.ConnectTimeout(message, request=request) from error
        upstream_request = UpstreamRequest(connection, self._idle_seconds, bodiless=request.method == "HEAD")
        upstream_request.send(head, body)
        return upstream_request

    async def aclose(self) -> None:
        await self._connector.close()


def _translated(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """httpx's name for what went wrong."""
    message = str(error) or type(error).__name__
    if isinstance(error, asyncio.TimeoutError):
        return httpx.ReadTimeout(message, request=request)
    if isinstance(error, BadResponse):
        return httpx.RemoteProtocolError(message, request=request)
    if isinstance(error, aiohttp.ClientConnectorError | Unreachable):
        return httpx.ConnectError(message, request=request)
    return httpx.ReadError(message, request=request)


def build_request(
    base: str, method: str, target: str, headers: Headers, body: bytes | Source
) -> httpx.Request:
    """A request whose target stays as the client wrote it: httpx.URL would rewrite `/v1/a%2Fb/../c`."""
    return httpx.Request(
        method,
        _parsed(base),
        headers=headers,
        # Given as `content`, it would have headers made for it.
        stream=httpx.ByteStream(body if isinstance(body, bytes) else b""),
        extensions={"base": base, "target": target, "body": body},
    )


_parsed = lru_cache(maxsize=8)(httpx.URL)
