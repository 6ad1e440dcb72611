"""The body of an answer, as it comes."""

import asyncio
from collections.abc import AsyncIterator, Callable

import httpx

from proxy.relay.http.chunks import chunk_of, data_of
from proxy.relay.upstream.connection import no_shortcut, nobody
from proxy.relay.upstream.request import UpstreamRequest

# A client that does not read has one of these in the proxy, beside the sockets' own buffers.
FRAGMENT_BYTES = 64 * 1024
# Given a piece of the body and the same as a chunk, it tells whether it took it.
Sink = Callable[[bytes, bytes], bool]


class ResponseBody(httpx.AsyncByteStream):
    """The body's bytes as the network gives them; raises httpx.ReadError when upstream breaks off."""

    def __init__(self, upstream_request: UpstreamRequest) -> None:
        self._upstream_request = upstream_request
        self._response_parser = upstream_request.parser
        self._sink: Sink | None = None
        self._waiter: asyncio.Future[bytes] | None = None
        if not self._response_parser.ended:
            upstream_request.connection.listener = self._arrived

    def hand_to(self, sink: Sink) -> None:
        """Give `sink` what comes while `read` waits, without waking its task: all but the last bytes, until it returns False."""
        self._sink = sink
        if not self._response_parser.ended:
            self._upstream_request.connection.shortcut = self._pass_on

    async def read(self) -> bytes:
        """What has come so far, up to PIECE_BYTES; b"" at the end."""
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
        if not parser.ended:  # else the link may be another request's by now
            self._upstream_request.connection.taken(parser.held)
        return fragment

    async def _wait(self) -> bytes:
        """Until something came: the bytes that the sink did not take, b"" where `read` has to look."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _pass_on(self, data: bytes) -> bool:
        """One whole chunk, as an event of a slow stream comes, is for the sink as it is: nobody needs to parse it."""
        waiter = self._waiter
        if waiter is None or waiter.done() or self._sink is None or not (fragment := data_of(data)):
            return False
        try:
            return self._sink(fragment, data)
        except Exception as error:  # it belongs to the task
            waiter.set_exception(error)
            return True

    def _arrived(self) -> None:
        waiter = self._waiter
        if waiter is None or waiter.done():
            return
        if self._sink is None or self._response_parser.ended:
            waiter.set_result(b"")
            return
        try:
            while fragment := self._response_parser.take(FRAGMENT_BYTES):
                if not self._sink(fragment, chunk_of(fragment)):
                    waiter.set_result(fragment)
                    return
        except Exception as error:  # it belongs to the task
            waiter.set_exception(error)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read():
            yield chunk

    @property
    def ended(self) -> bool:
        """Whether the last byte has been handed out."""
        return self._response_parser.taken

    def close(self) -> None:
        """Nothing more is wanted: upstream must stop at once. The sink, which may hold it, is let go of."""
        self._sink = None
        if self._upstream_request.connection.listener == self._arrived:
            self._upstream_request.connection.listener, self._upstream_request.connection.shortcut = (
                nobody,
                no_shortcut,
            )
        self._upstream_request.close()
