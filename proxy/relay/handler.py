"""A lean ASGI handler for Django: the same URL resolver and views, without a thread, a context and a temporary file per request.

It closes three of the four traps of a streaming Django view (docs/decisions/0001): the body is bounded by the API's own 32 MiB and
not by Django's 2.5 MB (request_body.py), headers travel as pairs, and a response that never began to stream is closed all the same.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, Protocol, cast

from django.core.handlers.asgi import ASGIHandler
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, get_resolver

from proxy.relay import runtime
from proxy.relay.http.headers import Headers
from proxy.relay.http.protocol import ARRIVING, CUT, LINGER, ON_LEAVE, REFUSAL, RESPOND_EARLY, WRITE
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.request_body import ClientLeft, Receive
from proxy.relay.http.responses import PairsResponse, RawResponse, error_response
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.relay")

# How many ways from a path to its view are remembered; a path is 64 KiB at most.
PATHS = 64
CLOSE = (b"connection", b"close")
BODILESS = {204, 304}

Scope = dict[str, Any]
Send = Callable[[dict[str, Any]], Awaitable[None]]


class BrokenOff(Exception):
    """Upstream broke off in the middle of an answer, or somebody stopped it there: the client's connection must break too."""


class Fragments(Protocol):
    """The body of an answer that is still arriving."""

    async def next(self) -> tuple[bytes, bool]:
        """The bytes that have come meanwhile, and whether more may follow. Raises BrokenOff."""

    def go_straight(self, write: Callable[[bytes], bool]) -> None:
        """What comes while `next` waits may go by `write`, a whole chunk each time; it tells whether it took it."""

    def close(self, *, client_gone: bool) -> None:
        """In every case, also before the first byte."""


class StreamedResponse(PairsResponse):
    """An answer whose head has arrived."""

    streaming = True

    def __init__(self, status: int, pairs: Headers, fragments: Fragments) -> None:
        super().__init__(status, pairs)
        self.fragments = fragments


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
        except ClientLeft:
            raise
        except Exception:  # the outermost door: a bug is reported to the log, and not to the client
            log.exception("relay.failed", extra={"path": request.path[:200]})
            response = self._resolver.resolve_error_handler(500)(request)
        return response

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if REFUSAL in scope["extensions"]:
            kind, message = scope["extensions"][REFUSAL]
            await self._send(error_response(kind, message, "", headers=[CLOSE]), scope, send)
            return
        await self._response(RelayRequest(scope, receive), scope, send)

    async def _response(self, request: RelayRequest, scope: Scope, send: Send) -> None:
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
        except ClientLeft:
            pass  # nobody waits for an answer
        except BrokenOff:
            scope["extensions"][CUT]()
        except asyncio.CancelledError:
            # The client went, or the server's time to drain is up: there is nobody whom raising this on would help.
            if not request.client_gone:
                await self._break_off(response, scope, send)
        finally:
            if isinstance(response, StreamedResponse):
                response.fragments.close(client_gone=request.client_gone)

    async def _break_off(self, response: HttpResponseBase | None, scope: Scope, send: Send) -> None:
        if response:
            scope["extensions"][CUT]()
        else:
            message = "Nexus is being stopped and its API request with it; send it again."
            await self._send(error_response(ErrorKind.UNAVAILABLE, message, "", headers=[CLOSE]), scope, send)

    async def _send(self, response: HttpResponseBase, scope: Scope, send: Send) -> None:
        if isinstance(response, StreamedResponse):
            if scope["extensions"][ARRIVING]():
                scope["extensions"][LINGER]()
            await send(
                {"type": "http.response.start", "status": response.status_code, "headers": response.pairs}
            )
            response.fragments.go_straight(scope["extensions"][WRITE])
            more = True
            while more:
                fragment, more = await response.fragments.next()
                await send({"type": "http.response.body", "body": fragment, "more_body": more})
            return
        whole = cast(RawResponse, response)  # the proxy's views answer in these two forms only
        if scope["extensions"][ARRIVING]():
            scope["extensions"][RESPOND_EARLY](whole)
            return
        await send({"type": "http.response.start", "status": whole.status_code, "headers": whole.pairs})
        await send({"type": "http.response.body", "body": whole.content, "more_body": False})
