"""A connection to the API that costs little: one timer a request and not one for each piece, word of what comes without a task."""

from collections.abc import Callable
from functools import partial
from time import monotonic

import aiohttp
from aiohttp.client_proto import ResponseHandler


class Link(ResponseHandler):
    """aiohttp's protocol. `listener` is called when bytes of the answer, its end or a failure have come.

    Its timer is set once and looks, when it fires, whether something has come meanwhile: aiohttp cancels and sets one with each
    piece, 2 of the 22 µs that an event of a slow stream takes.
    """

    listener: Callable[[], None] | None = None
    _heard_at = 0.0

    def data_received(self, data: bytes) -> None:
        """Bytes of the answer."""
        super().data_received(data)
        if self.listener:
            self.listener()

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Only what is paused: aiohttp asks for it with each piece that is taken, and parses nothing anew each time."""
        if self._reading_paused:
            super().resume_reading(resume_parser)

    def connection_lost(self, exc: BaseException | None) -> None:
        """It ends every answer as well: aiohttp would wait for ever for the rest of one whose framing it could not read."""
        content = self._payload
        super().connection_lost(exc)
        if content is not None and not content.is_eof() and content.exception() is None:
            content.set_exception(aiohttp.ClientPayloadError("The body is not framed as HTTP asks for."))
        if self.listener:
            self.listener()

    def _reschedule_timeout(self) -> None:
        self._heard_at = monotonic()
        if self._read_timeout_handle is None and self._read_timeout:
            self._wait(self._read_timeout)

    def _wait(self, seconds: float) -> None:
        self._read_timeout_handle = self._loop.call_later(seconds, self._on_read_timeout)

    def _on_read_timeout(self) -> None:
        left = self._heard_at + (self._read_timeout or 0) - monotonic()
        if left > 0:
            self._wait(left)
        else:
            super()._on_read_timeout()
            if self.listener:
                self.listener()


def connector() -> aiohttp.TCPConnector:
    """As many connections as are asked for; made within the event loop that uses them."""
    made = aiohttp.TCPConnector(limit=0, ttl_dns_cache=60)
    made._factory = partial(Link, loop=made._loop)  # type: ignore[assignment]  # a Link is a ResponseHandler
    return made
