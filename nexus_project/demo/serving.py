"""Serve an ASGI app by a real uvicorn in a thread of this process, on a free port."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Literal, TypeVar

import uvicorn

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

App = TypeVar("App", bound=ASGIApp)

# Longer than any client here keeps an idle connection: else a request can meet one that is just being closed.
IDLE_SECONDS = 75


@dataclass(frozen=True, slots=True)
class Running(Generic[App]):
    """A served app; `url` has no slash at its end."""

    url: str
    app: App


@dataclass(frozen=True, slots=True)
class Certificate:
    """The server's own key with its certificate chain in one PEM file."""

    pem: Path
    hostname: str


def free_socket(host: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """Return a bound TCP socket; port 0 takes a free one.

    Raises:
        OSError: the port is in use or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off; else each small answer waits 40 ms for an ACK.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


def configure(
    app: ASGIApp,
    *,
    http: type[asyncio.Protocol] | Literal["httptools"] = "httptools",
    lifespan: Literal["on", "off", "auto"] = "off",
    certificate: Certificate | None = None,
) -> uvicorn.Config:
    """Return a configuration that adds nothing of its own to an answer and logs nothing but warnings."""
    return uvicorn.Config(
        app,
        http=http,
        loop="asyncio",
        ws="none",
        lifespan=lifespan,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=IDLE_SECONDS,
        ssl_certfile=certificate.pem if certificate else None,
    )


class SettlingServer(uvicorn.Server):
    """A uvicorn server that calls back once: with True when it listens, with False when it cannot."""

    def __init__(self, config: uvicorn.Config, on_settled: Callable[[bool], object]) -> None:
        super().__init__(config)
        self._on_settled = on_settled

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        try:
            await super().startup(sockets)
        finally:
            self._on_settled(self.started)


def _run(server: uvicorn.Server, listener: socket.socket) -> None:
    # uvicorn leaves by sys.exit when the app does not start; `started` tells the same.
    with suppress(SystemExit):
        server.run([listener])


@contextmanager
def serve(
    app: App,
    *,
    http: type[asyncio.Protocol] | Literal["httptools"] = "httptools",
    lifespan: Literal["on", "off", "auto"] = "off",
    certificate: Certificate | None = None,
    start_seconds: float = 20,
) -> Iterator[Running[App]]:
    """Serve `app` while the context is open.

    At its end new connections are refused, running answers get one second, and the thread is joined.

    Raises:
        RuntimeError: the server did not start within `start_seconds`.
    """
    settled = threading.Event()
    server = SettlingServer(
        configure(app, http=http, lifespan=lifespan, certificate=certificate), lambda _: settled.set()
    )
    with closing(free_socket()) as listener:
        thread = threading.Thread(target=_run, args=(server, listener), name="serve", daemon=True)
        thread.start()
        try:
            if not settled.wait(start_seconds) or not server.started:
                raise RuntimeError("The server did not start: its own log says why.")
            host = certificate.hostname if certificate else "127.0.0.1"
            scheme = "https" if certificate else "http"
            yield Running(f"{scheme}://{host}:{listener.getsockname()[1]}", app)
        finally:
            server.should_exit = True
            thread.join()
