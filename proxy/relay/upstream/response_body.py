"""The body of a response, as it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx

from proxy.relay.upstream.connection import no_shortcut, nobody
from proxy.relay.upstream.request import UpstreamRequest

# A client that does not read has one of these in the proxy, beside the sockets' own buffers.
FRAGMENT_BYTES = 64 * 1024
# Given bytes of the body and the same as a chunk, it tells whether it took them.
Sink = Callable[[bytes, bytes], bool]


class Interrupted(Exception):
    """Somebody else wants whoever waits for bytes; what has come is still there."""


class ResponseBody(httpx.AsyncByteStream):
    """The body's bytes as the network gives them; raises httpx.ReadError when upstream breaks off."""

    def __init__(self, upstream_request: UpstreamRequest) -> None:
        self._upstream_request = upstream_request
        self._response_parser = upstream_request.parser
        self._waiter: asyncio.Future[bytes] | None = None
        if not self._response_parser.ended:
            upstream_request.connection.listener = self._arrived

    def hand_to(self, sink: Sink) -> None:
        """Offer a sink for what comes while `read` waits; here everything goes by `read`."""

    async def read(self) -> bytes:
        """What has come so far, up to FRAGMENT_BYTES; b"" at the end. Raises Interrupted where it waited in vain."""
        parser = self._response_parser
        while not (fragment := self._take()) and not parser.ended:
            if fragment := await self._wait():
                return fragment
        if not fragment and parser.error:
            raise httpx.ReadError(str(parser.error) or type(parser.error).__name__) from parser.error
        return fragment

    def _take(self) -> bytes:
        parser = self._response_parser
        fragment = parser.take(FRAGMENT_BYTES)
        if not parser.ended:  # else the connection may be another request's by now
            self._upstream_request.connection.taken(parser.held)
        return fragment

    async def _wait(self) -> bytes:
        """Until something came: bytes to hand out, b"" where `read` has to look."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def interrupt(self) -> None:
        """Wake who waits in `read`."""
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(Interrupted())

    def _arrived(self) -> None:
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(b"")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read():
            yield chunk

    @property
    def ended(self) -> bool:
        """Whether the last byte has been handed out."""
        return self._response_parser.taken

    def close(self) -> None:
        """Nothing more is wanted: upstream must stop at once."""
        connection = self._upstream_request.connection
        if connection.listener == self._arrived:
            connection.listener, connection.shortcut = nobody, no_shortcut
        self._upstream_request.close()
