"""The pool of connections to the API: aiohttp's, with `UpstreamConnection` on each of them, directly or through a proxy."""

import asyncio
import ssl
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace
from django.conf import settings

from accounts.outbound import proxies, trust
from accounts.outbound.tunnel import open_tunnel
from proxy.relay.upstream.connection import UpstreamConnection


class TunnelConnector(aiohttp.TCPConnector):
    """Asks for a tunnel where a proxy leads to the destination.

    aiohttp's own way through a proxy speaks HTTP by its own parser, which our connections lack, and knows no tunnel for http.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._trusted = trust.context()

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's name
    ) -> ResponseHandler:
        proxy = proxies.proxy_for(str(req.url))
        if proxy is None:
            return await super()._create_connection(req, traces, timeout)
        connection = self._factory()
        destination, context = (req.url.host or "", req.url.port or 0), self._get_ssl_context(req)
        try:
            async with asyncio.timeout(timeout.sock_connect):
                await open_tunnel(proxy, destination, connection, trusted=self._trusted, context=context)
        except TimeoutError as error:
            raise TimeoutError(f"the proxy {proxy} did not lead to {destination[0]} in time") from error
        return connection


def connector() -> aiohttp.TCPConnector:
    """As many connections as are asked for; made within the event loop that uses them."""
    # Without a proxy nothing of this is on the way, not even a question.
    kind = TunnelConnector if proxies.is_configured() else aiohttp.TCPConnector
    made = kind(limit=0, ttl_dns_cache=60, ssl=_context() if settings.SSL_CERT_FILE else True)
    made._factory = partial(UpstreamConnection, loop=made._loop)  # type: ignore[assignment]  # it is a ResponseHandler
    return made


def _context() -> ssl.SSLContext:
    made = trust.context()
    made.set_alpn_protocols(["http/1.1"])
    return made
