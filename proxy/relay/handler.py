"""A lean ASGI handler for Django: the same URL resolver and views, without a thread, a context and a temporary file per request.

It closes three of the four traps of a streaming Django view (docs/decisions/0001): the body is bounded by the API's own 32 MiB and
not by Django's 2.5 MB, headers travel as pairs, and a response that never began to stream is closed all the same.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from io import BytesIO
from typing import Any, Protocol, cast

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from proxy.relay import runtime
from proxy.relay.answers import PairsResponse, RawResponse, error_answer
from proxy.relay.headers import Headers
from proxy.relay.protocol import CUT, ON_LEAVE, REFUSAL, WRITE
from proxy.relay.request import RelayRequest
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.relay")

MAX_BODY_BYTES = 32 * 1024**2
# A client that is answered while it still sends sees a broken connection instead of the answer, so the rest is read and dropped.
MAX_DISCARDED_BYTES = 256 * 1024**2
# From here on a body has a block of memory from the system to itself, which grows without being copied.
LARGE_BYTES = 4 * 1024**2
# How many ways from a path to its view are remembered; a path is 64 KiB at most.
PATHS = 64
CLOSE = (b"connection", b"close")
BODILESS = {204, 304}

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class UpstreamCut(Exception):
    """Upstream broke off in the middle of an answer: the client's stream must break the same way."""


class BodyTooLarge(Exception):
    """The body is larger than MAX_BODY_BYTES."""


class ClientLeft(Exception):
    """The client went before its request was complete."""


class Pieces(Protocol):
    """The body of an answer that is still arriving."""

    async def next(self) -> tuple[bytes, bool]:
        """The bytes that have come meanwhile, and whether more may follow. Raises UpstreamCut."""

    def go_straight(self, write: Callable[[bytes], bool]) -> None:
        """What comes while `next` waits may go by `write`, a whole chunk each time; it tells whether it took it."""

    def close(self, *, client_gone: bool) -> None:
        """In every case, also before the first byte."""


class StreamedAnswer(PairsResponse):
    """An answer whose head has arrived."""

    streaming = True

    def __init__(self, status: int, pairs: Headers, pieces: Pieces) -> None:
        super().__init__(status, pairs)
        self.pieces = pieces


class RelayHandler(ASGIHandler):
    """The proxy's ASGI application."""

    def __init__(self) -> None:
        super().__init__()
        self._resolver = get_resolver()
        # Clients ask for the same few paths. One that leads nowhere is not kept.
        self._match = lru_cache(maxsize=PATHS)(self._resolver.resolve)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # type: ignore[override]  # a dict is sent on
        """Serve one request, or the server's life."""
        if scope["type"] == "lifespan":
            await runtime.live(receive, send)
        else:  # "http": uvicorn is told to know no websockets
            await self._serve(scope, receive, send)

    async def get_response_async(self, request: HttpRequest) -> HttpResponseBase:
        """The view alone: here are no middleware, transactions and templates to look for, and every view is a coroutine."""
        response: HttpResponseBase
        try:
            match = self._match(request.path_info)
            response = await match.func(request, *match.args, **match.kwargs)
        except Resolver404:
            response = self._resolver.resolve_error_handler(404)(request)
        except Exception:  # the outermost door: a bug is told to the log, and not to the client
            log.exception("relay.failed", extra={"path": request.path[:200]})
            response = self._resolver.resolve_error_handler(500)(request)
        return response

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if REFUSAL in scope["extensions"]:
            kind, message = scope["extensions"][REFUSAL]
            await self._send(error_answer(kind, message, "", headers=[CLOSE]), scope, send)
            return
        try:
            request = RelayRequest(scope, await self._read_body(receive))
        except ClientLeft:
            return
        except BodyTooLarge:
            message = (
                "The request is larger than the 32 MiB that the API takes; send less, or use the Files API."
            )
            await self._send(
                error_answer(ErrorKind.REQUEST_TOO_LARGE, message, "", headers=[CLOSE]), scope, send
            )
            return
        await self._answer(request, scope, send)

    async def _answer(self, request: RelayRequest, scope: Scope, send: Send) -> None:
        serving = cast(
            "asyncio.Task[None]", asyncio.current_task()
        )  # an ASGI server runs each request in one

        def leave() -> None:
            """The client goes: note it, as the server may cancel the task as well."""
            request.client_gone = True
            serving.cancel()

        scope["extensions"][ON_LEAVE](leave)
        response: HttpResponseBase | None = None
        try:
            response = await self.get_response_async(request)
            if response.status_code in BODILESS:
                scope["method"] = "HEAD"  # or uvicorn would wait for as many bytes as the length says
            await self._send(response, scope, send)
        except UpstreamCut:
            scope["extensions"][CUT]()
        except asyncio.CancelledError:
            # The client went, or the server's time to drain is up: there is nobody whom raising this on would help.
            if not request.client_gone:
                await self._break_off(response, scope, send)
        finally:
            if isinstance(response, StreamedAnswer):
                response.pieces.close(client_gone=request.client_gone)

    async def _break_off(self, response: HttpResponseBase | None, scope: Scope, send: Send) -> None:
        if response:
            scope["extensions"][CUT]()
        else:
            message = "Nexus is being stopped and its API request with it; send it again."
            await self._send(error_answer(ErrorKind.UNAVAILABLE, message, "", headers=[CLOSE]), scope, send)

    async def _read_body(self, receive: Receive) -> bytes:
        """The whole body; raises BodyTooLarge, or ClientLeft when the client goes before its end."""
        parts: list[bytes] = []
        large = BytesIO()
        size, more = 0, True
        while more and size <= MAX_DISCARDED_BYTES:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            size += len(message["body"])
            more = message["more_body"]
            if size <= MAX_BODY_BYTES:
                parts.append(message["body"])
            if size > LARGE_BYTES:
                large.write(b"".join(parts))
                parts.clear()
        if size > MAX_BODY_BYTES:
            raise BodyTooLarge
        return large.getvalue() if size > LARGE_BYTES else b"".join(parts)

    async def _send(self, response: HttpResponseBase, scope: Scope, send: Send) -> None:
        if isinstance(response, StreamedAnswer):
            await send(
                {"type": "http.response.start", "status": response.status_code, "headers": response.pairs}
            )
            response.pieces.go_straight(scope["extensions"][WRITE])
            more = True
            while more:
                piece, more = await response.pieces.next()
                await send({"type": "http.response.body", "body": piece, "more_body": more})
            return
        whole = cast(RawResponse, response)  # the proxy's views answer in these two forms only
        await send({"type": "http.response.start", "status": whole.status_code, "headers": whole.pairs})
        await send({"type": "http.response.body", "body": whole.content, "more_body": False})
