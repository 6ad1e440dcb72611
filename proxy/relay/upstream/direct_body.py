"""The second way for events: from the API's connection straight to the client's, without waking a task (decision 0028).

`EVENTS_DIRECT=false` turns it off; every byte then goes by `ResponseBody.read`.
"""

import asyncio

from proxy.relay.http.chunks import chunk_of, data_of
from proxy.relay.upstream.request import UpstreamRequest
from proxy.relay.upstream.response_body import FRAGMENT_BYTES, ResponseBody, Sink


class DirectBody(ResponseBody):
    """A body whose bytes go to a sink, all but the last ones, while `read` waits; `read` gets what the sink does not take."""

    def __init__(self, upstream_request: UpstreamRequest) -> None:
        super().__init__(upstream_request)
        self._sink: Sink | None = None

    def hand_to(self, sink: Sink) -> None:
        """Give `sink` what comes while `read` waits, until it returns False."""
        self._sink = sink
        if not self._response_parser.ended:
            self._upstream_request.connection.shortcut = self._pass_on

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
            self._hand_out(self._sink, waiter)
        except Exception as error:  # it belongs to the task
            waiter.set_exception(error)

    def _hand_out(self, sink: Sink, waiter: "asyncio.Future[bytes]") -> None:
        while fragment := self._response_parser.take(FRAGMENT_BYTES):
            if not sink(fragment, chunk_of(fragment)):
                waiter.set_result(fragment)
                return

    def close(self) -> None:
        """The sink, which may hold this body, is let go of as well."""
        self._sink = None
        super().close()
