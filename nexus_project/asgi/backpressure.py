"""A response that is sent while it is made waits for its client: daphne would keep in memory what a slow one has not read."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Message = Mapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[dict[str, Any], Any, Send], Awaitable[None]]


def paced(application: Application) -> Application:
    """The application behind a `send` that returns once there is room for more."""

    async def run(scope: dict[str, Any], receive: Any, send: Send) -> None:
        # Daphne hands out its own method, bound to the twisted request that the response belongs to.
        [request, *_] = getattr(send, "args", (None,))
        if request is None:
            await application(scope, receive, send)
            return
        gate = _Gate(request)
        try:
            await application(scope, receive, lambda message: gate.send(send, message))
        finally:
            gate.close()

    return run


class _Gate:
    """What twisted calls a push producer: it is paused while the socket's buffer is full."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self._is_registered = False
        self._open = asyncio.Event()
        self._open.set()

    async def send(self, send: Send, message: Message) -> None:
        if message.get("more_body") and not self._is_registered and self._is_connected:
            self._request.registerProducer(self, True)
            self._is_registered = True
        elif message["type"] == "http.response.body" and not message.get("more_body"):
            self.close()
        await send(message)
        await self._open.wait()

    def close(self) -> None:
        """Before the end of the response, or once its client is gone."""
        if self._is_registered:
            self._is_registered = False
            self._open.set()
            if self._is_connected:
                self._request.unregisterProducer()

    @property
    def _is_connected(self) -> bool:
        return getattr(self._request, "channel", None) is not None

    def pauseProducing(self) -> None:  # noqa: N802 - twisted's name
        self._open.clear()

    def resumeProducing(self) -> None:  # noqa: N802 - twisted's name
        self._open.set()

    def stopProducing(self) -> None:  # noqa: N802 - twisted's name
        self._open.set()
