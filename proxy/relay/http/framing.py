"""Answers for HTTP/1.0 clients, which know no chunks: the body ends where the connection does (RFC 9112 §6.3)."""

from collections.abc import Awaitable, Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import RequestResponseCycle

Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]


def close_delimited(app: App, cycle: RequestResponseCycle) -> App:
    """The same application, whose bodies uvicorn writes as they are; it closes the connection after each HTTP/1.0 answer."""

    async def framed(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        async def send_bare(message: Message) -> None:
            cycle.expected_content_length = len(message.get("body", b""))
            await send(message)

        cycle.chunked_encoding = False
        await app(scope, receive, send_bare)

    return framed
