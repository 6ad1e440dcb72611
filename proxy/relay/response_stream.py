"""An answer on its way from upstream to the client, a piece at a time."""

import logging
from collections.abc import Callable
from typing import cast

import httpx

from proxy import record
from proxy.relay.capture import debug
from proxy.relay.capture.exchange import Exchange
from proxy.relay.handler import UpstreamCut
from proxy.relay.http.headers import Headers
from proxy.relay.upstream.response_body import ResponseBody

log = logging.getLogger("nexus.relay")


class ResponseStream:
    """`next` until nothing more follows, and `close` in every case.

    `headers` are the answer's, in lower case. The record is closed before the client can see the last byte.
    """

    def __init__(self, exchange: Exchange, response: httpx.Response, headers: Headers) -> None:
        self._expected = _length(headers)
        self._exchange = exchange
        self._stream = cast(ResponseBody, response.stream)
        self._chunks = debug.chunks(exchange)

    async def next(self) -> tuple[bytes, bool]:
        """The bytes that have come meanwhile, and whether more may follow. Raises UpstreamCut."""
        exchange = self._exchange
        try:
            chunk = await self._stream.read()
        except httpx.ReadError as error:
            extra = {"exchange": exchange.id, "why": str(error), "bytes": exchange.size}
            log.warning("upstream.cut", extra=extra)
            exchange.finish(
                record.UPSTREAM_CUT, "upstream_cut", "The API broke off in the middle of its answer."
            )
            raise UpstreamCut from error
        if chunk:
            self._feed(chunk)
            if exchange.size != self._expected and not self._stream.ended:
                return chunk, True
        failed = exchange.status >= 400 or exchange.sniffer.error
        exchange.finish(record.UPSTREAM_ERROR if failed else record.COMPLETE, exchange.sniffer.error or "")
        return chunk, False

    def go_straight(self, write: Callable[[bytes], bool]) -> None:
        """While `next` waits, let all but the last bytes go to the client by `write`, in chunks, as long as it takes them."""

        feed = self._feed if self._chunks else self._exchange.feed

        def take(fragment: bytes, chunk: bytes) -> bool:
            taken = write(chunk)
            if taken:
                feed(fragment)
            return taken

        self._stream.hand_to(take)

    def _feed(self, chunk: bytes) -> None:
        self._exchange.feed(chunk)
        if self._chunks:
            self._chunks.add(chunk)

    def close(self, *, client_gone: bool) -> None:
        """Also if not one byte was asked for. What has an outcome keeps it."""
        if self._chunks:
            self._chunks.end()
        self._exchange.finish(record.CLIENT_LEFT if client_gone else record.ABORTED)
        self._stream.close()


def _length(headers: Headers) -> int:
    """How long the body is going to be; -1 where only its end tells."""
    value = next((value for name, value in headers if name == b"content-length"), b"")
    return int(value) if value.isdigit() else -1
