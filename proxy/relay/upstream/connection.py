"""A connection to the API that costs little: one timer a request and not one for each piece, word of what comes without a task."""

from collections.abc import Callable
from time import monotonic

import aiohttp
from aiohttp.client_proto import ResponseHandler

from proxy.relay.upstream.response_parser import ResponseParser

# What may wait for a client that does not read; about as much more is on its way when the reading stops.
MAX_HELD_BYTES = 128 * 1024


class UpstreamConnection(ResponseHandler):
    """What aiohttp's pool keeps; a `ResponseParser` reads what comes on it.

    `listener` is called when bytes of the answer, its end or a failure have come, `on_end` before it at the end. `shortcut` is
    offered what comes between two chunks, and tells whether it took it. The timer is set once and looks, when it fires, whether
    something has come meanwhile: aiohttp cancels and sets one with each piece, 2 of the 22 µs that an event of a slow stream takes.
    """

    listener: Callable[[], None]
    shortcut: Callable[[bytes], bool]
    _on_end: Callable[[], None]
    _response_parser: ResponseParser | None = None
    _idle_seconds = _heard_at = 0.0

    def expect(self, parser: ResponseParser, seconds: float, on_end: Callable[[], None]) -> None:
        """A request is about to be sent, and the longest silence after it."""
        self._response_parser, self._on_end, self._idle_seconds = parser, on_end, seconds
        self.listener, self.shortcut = nobody, no_shortcut

    @property
    def should_close(self) -> bool:
        """Whether the pool must not keep it."""
        return self._response_parser is not None or super().should_close

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer; what comes without a request before it spoils the connection."""
        parser = self._response_parser
        if parser is None:
            self.close()
            return
        self._heard_at = monotonic()
        if parser.between_chunks and self.shortcut(data):
            return
        parser.feed(data)
        if parser.ended:
            self._end(parser)
            return
        self.listener()
        if parser.held > MAX_HELD_BYTES:
            self._reading_paused = True
            self._pause_transport_reading()

    def taken(self, held: int) -> None:
        """So much is still held: read on where that is little."""
        if self._reading_paused and held <= MAX_HELD_BYTES // 2:
            self._reading_paused = False
            self._heard_at = monotonic()
            self._resume_transport_reading()

    def connection_lost(self, exc: BaseException | None) -> None:
        """It ends the answer as well."""
        super().connection_lost(exc)
        if parser := self._response_parser:
            parser.lose(exc if isinstance(exc, Exception) else None)
            self._end(parser)

    def _end(self, parser: ResponseParser) -> None:
        """Nothing more is expected: free for another request, or closed."""
        self._response_parser = None
        self._drop_timeout()
        parser.end_parsing()
        if not parser.reusable:
            self.force_close()
        on_end, self._on_end = self._on_end, nobody
        listener, self.listener = self.listener, nobody
        self.shortcut = no_shortcut
        on_end()
        listener()

    def start_timeout(self) -> None:
        """The request is out: silence counts from now on."""
        self._heard_at = monotonic()
        self._wait(self._idle_seconds)

    def _wait(self, seconds: float) -> None:
        self._read_timeout_handle = self._loop.call_later(seconds, self._on_read_timeout)

    def _on_read_timeout(self) -> None:
        left = self._heard_at + self._idle_seconds - monotonic()
        if left > 0:
            self._wait(left)
        elif self._reading_paused:  # by us: whether upstream is silent cannot be told
            self._wait(self._idle_seconds)
        else:
            self.give_up(aiohttp.SocketTimeoutError("Timeout on reading data from socket"))

    def give_up(self, error: Exception) -> None:
        """End the request under way, if there still is one, and the connection with it."""
        if parser := self._response_parser:
            parser.fail(error)
            self._end(parser)


def nobody() -> None:
    """The listener where nobody listens."""


def no_shortcut(_: bytes) -> bool:
    """Takes nothing."""
    return False
