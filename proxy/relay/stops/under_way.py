"""One request that passed the door, and how it is ended from outside."""

import asyncio
from collections.abc import Callable
from typing import cast

from accounts.access.stops import MAX_SESSION, Stop
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.request import RelayRequest
from proxy.wire.requests import session_hint

SESSION = b"x-claude-code-session-id"
# A stream has so long to come to the end of an event and to its client, before it is broken off.
PATIENCE_SECONDS = 0.7


def session_of(request: RelayRequest) -> str:
    """As the record will have it: what the header says, else the body's metadata."""
    return (request.first(SESSION).decode("latin-1") or session_hint(request.content))[:MAX_SESSION]


class UnderWay:
    """A request that runs in this task. `stop` is what ended it, None until then."""

    __slots__ = ("_exchange", "_interrupt", "_request", "_task", "domain", "stop")

    def __init__(self, exchange: Exchange, request: RelayRequest, domain: str) -> None:
        self.domain = domain
        self.stop: Stop | None = None
        self._exchange = exchange
        self._request = request
        self._task = cast("asyncio.Task[None]", asyncio.current_task())
        self._interrupt: Callable[[], None] | None = None

    def responds(self, interrupt: Callable[[], None]) -> None:
        """Its response has begun: whoever passes that on is called, and ends it in good order."""
        self._interrupt = interrupt

    def is_meant(self, stop: Stop) -> bool:
        if stop.domain != self.domain:
            return False
        if stop.exchange:
            return stop.exchange == self._exchange.id
        return stop.session == session_of(self._request)

    def end(self, stop: Stop) -> None:
        """End it; only the first call counts."""
        if self.stop:
            return
        self.stop = stop
        self._exchange.stopped_by = stop.by
        if self._interrupt is None:
            self._task.cancel()
            return
        self._interrupt()
        # A client that does not read must not keep the API at work.
        asyncio.get_running_loop().call_later(PATIENCE_SECONDS, self._break_off)

    def _break_off(self) -> None:
        if not self._exchange.outcome:
            self._task.cancel()
