"""How a connection ends when its process drains: no request that is already on its way is lost."""

from proxy.relay.http.protocol import Protocol

# A client may have sent what this process has not yet read: on a connection that was just accepted, or on one it kept.
LINGER_SECONDS = 2.0


class DrainingProtocol(Protocol):
    """Where uvicorn closes a connection without a running request at once, wait for one more, and close behind its response.

    A response that has not begun, and the one of that request, says `connection: close`. Behind one that had begun already the
    client may send another request, so that connection waits as well. All of it stays within uvicorn's limit for the shutdown.
    """

    _draining = False

    def shutdown(self) -> None:
        """The process stops: uvicorn calls it once for each connection."""
        self._draining = True
        if self._is_idle():
            self._close_soon()
        elif not self.cycle.response_started:
            super().shutdown()

    def on_headers_complete(self) -> None:
        """Answer a request that came meanwhile, and say that it is the last one."""
        super().on_headers_complete()
        if self._draining and not self._is_idle():
            self.cycle.keep_alive = False

    def on_response_complete(self) -> None:
        """The response is out."""
        super().on_response_complete()
        if self._draining:
            self._close_soon()

    def _close_soon(self) -> None:
        limit = self.config.timeout_graceful_shutdown
        seconds = LINGER_SECONDS if limit is None else min(LINGER_SECONDS, limit / 2)
        self.loop.call_later(seconds, self._close_idle)

    def _close_idle(self) -> None:
        if self._is_idle():
            self.transport.close()

    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete  # type: ignore[redundant-expr]  # it begins as None
