"""A lean ASGI handler for Django: the same URL resolver and async views, without a thread, a context and a temporary file per request.

It closes three of the four traps of a streaming Django view (docs/decisions/0001): the body is bounded by the API's own 32 MiB and
not by Django's 2.5 MB, headers travel as pairs, and a response that never began to stream is closed all the same.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from io import BytesIO
from typing import Any

from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpRequest
from django.http.response import HttpResponseBase

from proxy.relay import runtime
from proxy.relay.answers import RawResponse, error_answer
from proxy.relay.background import spawn
from proxy.relay.headers import Headers
from proxy.relay.protocol import CUT, REFUSAL
from proxy.wire.errors import ErrorKind

MAX_BODY_BYTES = 32 * 1024**2

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class UpstreamCut(Exception):
    """Upstream broke off in the middle of an answer: the client's stream must break the same way."""


class StreamedAnswer(HttpResponseBase):
    """An answer that is still arriving. `pieces` yields (bytes, whether more follow); `on_close` runs in every case."""

    streaming = True

    def __init__(
        self,
        status: int,
        pairs: Headers,
        pieces: AsyncIterator[tuple[bytes, bool]],
        on_close: Callable[[], Awaitable[None]],
    ) -> None:
        super().__init__(status=status)
        self.pairs = pairs
        self.pieces = pieces
        self.on_close = on_close
        self._has_been_logged = True


class ClientWatch:
    """Cancels the request's task when the client goes; `gone` tells that from a cancellation by the server."""

    def __init__(self, receive: Receive) -> None:
        self.gone = False
        self._receive = receive
        self._request = asyncio.current_task()
        self._task = spawn(self._wait(), "client-watch")

    async def _wait(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.gone = True
        if self._request:
            self._request.cancel()

    def stop(self) -> None:
        self._task.cancel()


class RelayHandler(ASGIHandler):
    """The proxy's ASGI application."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the server's life."""
        if scope["type"] == "lifespan":
            await runtime.live(receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, send)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = scope.get("extensions", {}).get(REFUSAL)
        body = None if refusal else await self._read_body(scope, receive)
        if body is None:
            kind, message = refusal or (ErrorKind.REQUEST_TOO_LARGE, "The request is larger than the 32 MiB that the API takes.")
            answer = error_answer(kind, message, "", headers=[(b"connection", b"close")])
            await self._send(answer, send)
            return
        request = ASGIRequest(scope, BytesIO(body))
        request._body = body  # type: ignore[attr-defined]  # what HttpRequest.body keeps; it saves a copy
        await self._answer(request, scope, receive, send)

    async def _answer(self, request: ASGIRequest, scope: Scope, receive: Receive, send: Send) -> None:
        watch = ClientWatch(receive)
        request.client_watch = watch  # type: ignore[attr-defined]  # for the view: who ended it
        response: HttpResponseBase | None = None
        try:
            response = await self.get_response_async(request)
            watch.stop() if not response.streaming else None
            await self._send(response, send)
        except UpstreamCut:
            scope["extensions"][CUT]()
        except asyncio.CancelledError:
            if not watch.gone:
                raise
        finally:
            watch.stop()
            if isinstance(response, StreamedAnswer):
                await asyncio.shield(response.on_close())

    async def _read_body(self, scope: Scope, receive: Receive) -> bytes | None:
        """The whole body; None when it is too large. Raises CancelledError when the client goes meanwhile."""
        for name, value in scope["headers"]:
            if name == b"content-length" and int(value) > MAX_BODY_BYTES:
                return None
        message = await receive()
        if not message.get("more_body"):
            return bytes(message.get("body", b""))
        parts, size = [message["body"]], len(message["body"])
        while message.get("more_body"):
            message = await receive()
            if message["type"] == "http.disconnect":
                raise asyncio.CancelledError
            parts.append(message["body"])
            size += len(message["body"])
            if size > MAX_BODY_BYTES:
                return None
        return b"".join(parts)

    async def _send(self, response: HttpResponseBase, send: Send) -> None:
        if isinstance(response, StreamedAnswer):
            await send({"type": "http.response.start", "status": response.status_code, "headers": response.pairs})
            async with aclosing(response.pieces) as pieces:  # type: ignore[type-var]  # it is an async generator
                async for piece, more in pieces:
                    await send({"type": "http.response.body", "body": piece, "more_body": more})
            return
        if isinstance(response, RawResponse):
            pairs, body = response.pairs, response.content
        else:
            pairs = [(name.lower().encode(), value.encode()) for name, value in response.items()]
            body = b"".join(response)  # type: ignore[arg-type]  # only whole responses are left
        await send({"type": "http.response.start", "status": response.status_code, "headers": pairs})
        await send({"type": "http.response.body", "body": body, "more_body": False})


def raw_headers(request: HttpRequest) -> Headers:
    """The request's header pairs in lower case; `request.META` merges and renames them."""
    return request.scope["headers"]  # type: ignore[attr-defined,no-any-return]
