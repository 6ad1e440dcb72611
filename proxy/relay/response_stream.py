"""An answer on its way from upstream to the client, a piece at a time."""

import asyncio
import logging
import re
from collections.abc import Callable
from typing import cast

import httpx

from accounts.access.stops import Stop
from proxy import record
from proxy.relay.capture import debug
from proxy.relay.capture.exchange import Exchange
from proxy.relay.handler import BrokenOff
from proxy.relay.http.headers import Headers
from proxy.relay.stops import messages
from proxy.relay.stops.under_way import PATIENCE_SECONDS, UnderWay
from proxy.relay.upstream.response_body import Interrupted, ResponseBody

log = logging.getLogger("nexus.relay")

# An empty line ends an event of a stream.
_BORDERS = (b"\n\n", b"\r\n\r\n", b"\r\r")
_BORDER = re.compile(b"|".join(_BORDERS))


class ResponseStream:
    """`next` until nothing more follows, and `close` in every case.

    `headers` are the answer's, in lower case. The record is closed before the client can see the last byte.
    """

    def __init__(
        self, exchange: Exchange, response: httpx.Response, headers: Headers, under_way: UnderWay
    ) -> None:
        self._expected = _length(headers)
        self._is_plain_stream = is_plain_stream(headers)
        self._under_way = under_way
        self._exchange = exchange
        self._stream = cast(ResponseBody, response.stream)
        self._chunks = debug.chunks(exchange)
        under_way.responds(self._stream.interrupt)

    async def next(self) -> tuple[bytes, bool]:
        """The bytes that have come meanwhile, and whether more may follow. Raises BrokenOff."""
        exchange = self._exchange
        if self._under_way.stop:
            return await self._end(self._under_way.stop)
        try:
            chunk = await self._stream.read()
        except Interrupted:
            return await self.next()
        except httpx.ReadError as error:
            extra = {"exchange": exchange.id, "why": str(error), "bytes": exchange.size}
            log.warning("upstream.cut", extra=extra)
            exchange.finish(
                record.UPSTREAM_CUT, "upstream_cut", "The API broke off in the middle of its answer."
            )
            raise BrokenOff from error
        if chunk:
            self._feed(chunk)
            if exchange.size != self._expected and not self._stream.ended:
                return chunk, True
        failed = exchange.status >= 400 or exchange.sniffer.error
        exchange.finish(record.UPSTREAM_ERROR if failed else record.COMPLETE, exchange.sniffer.error or "")
        return chunk, False

    async def _end(self, stop: Stop) -> tuple[bytes, bool]:
        """End what somebody stopped: by an event of an error behind a whole one, else by breaking off. Raises BrokenOff."""
        exchange = self._exchange
        rest = await self._rest_of_event() if self._is_plain_stream else None
        exchange.finish(record.ABORTED, messages.STOPPED, messages.recorded(stop))
        self._stream.close()
        if rest is None:
            raise BrokenOff
        return rest + messages.event(stop, exchange.id), False

    async def _rest_of_event(self) -> bytes | None:
        """What the client lacks of the event that it has begun to read, None where that does not come in time."""
        tail = self._exchange.tail
        if not tail or tail.endswith(_BORDERS):
            return b""
        self._stream.hand_to(_nowhere)
        held = tail
        try:
            async with asyncio.timeout(PATIENCE_SECONDS / 2):
                while (end := _end_of_event(held, len(tail))) == 0:
                    chunk = await self._stream.read()
                    if not chunk:
                        return None
                    held += chunk
        except (TimeoutError, httpx.ReadError):
            return None
        rest = held[len(tail) : end]
        self._feed(rest)
        return rest

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


def _end_of_event(data: bytes, seen: int) -> int:
    """Where the event ends that goes on behind the first `seen` bytes; 0 where its end has not come."""
    ends = (border.end() for border in _BORDER.finditer(data))
    return next((end for end in ends if end > seen), 0)


def _nowhere(fragment: bytes, chunk: bytes) -> bool:
    """Takes nothing: all goes by `next` again."""
    return False


def is_plain_stream(headers: Headers) -> bool:
    """Whether an event can be put into the response: it is a stream of them, not encoded, and has no length to keep."""
    values = dict(headers)
    return (
        values.get(b"content-type", b"").startswith(b"text/event-stream")
        and values.get(b"content-encoding", b"identity") == b"identity"
        and b"content-length" not in values
    )


def _length(headers: Headers) -> int:
    """How long the body is going to be; -1 where only its end tells."""
    value = next((value for name, value in headers if name == b"content-length"), b"")
    return int(value) if value.isdigit() else -1
