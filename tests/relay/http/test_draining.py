"""A process that stops: no request that is already on its way to it is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from nexus_project.demo.serving import free_socket
from proxy.relay.http import draining
from proxy.relay.http.draining import DrainingProtocol

GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
SLOW = b"GET /slow HTTP/1.1\r\nhost: a\r\n\r\n"
LATE = b"GET /late HTTP/1.1\r\nhost: a\r\n\r\n"
UPGRADE = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n"
GRACE, PAUSE = 2, 0.3


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """`/slow` pauses in its body, `/late` before its head."""
    if scope["path"] == "/late":
        await asyncio.sleep(PAUSE)
    head = [(b"content-length", b"4")]
    await send({"type": "http.response.start", "status": 200, "headers": head})
    await send({"type": "http.response.body", "body": b"do", "more_body": True})
    if scope["path"] == "/slow":
        await asyncio.sleep(PAUSE)
    await send({"type": "http.response.body", "body": b"ne"})


class Client:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def send(self, request: bytes) -> None:
        self._writer.write(request)

    async def response(self) -> bytes:
        """The next one, its head in lower case; what came before the end of the connection when there is none."""
        try:
            return (await self._reader.readuntil(b"done")).lower()
        except asyncio.IncompleteReadError as error:
            return error.partial

    async def closed(self) -> bool:
        return not await self._reader.read()

    async def close(self) -> None:
        self._writer.close()
        with suppress(OSError):
            await self._writer.wait_closed()


class Stopping:
    """A server that can be told to stop, and clients of it."""

    def __init__(self, grace: int | None) -> None:
        self._listener = free_socket()
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=DrainingProtocol,
                lifespan="off",
                log_config=None,
                timeout_graceful_shutdown=grace,
            )
        )
        self._clients: list[Client] = []
        self._stop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._server.config.load()
        self._server.lifespan = self._server.config.lifespan_class(self._server.config)
        await self._server.startup([self._listener])

    async def connect(self) -> Client:
        client = Client(*await asyncio.open_connection(*self._listener.getsockname()))
        self._clients.append(client)
        await asyncio.sleep(0.05)  # the server has accepted it
        return client

    async def begin(self) -> None:
        """Begin the shutdown; this returns while it goes on."""
        loop = asyncio.get_running_loop()
        self._stop = loop.create_task(self._server.shutdown([self._listener]))
        await asyncio.sleep(0.05)

    async def end(self) -> None:
        if self._stop is None:
            await self.begin()
        for client in self._clients:
            await client.close()
        assert self._stop
        await self._stop


@asynccontextmanager
async def stopping(grace: int | None = GRACE) -> AsyncIterator[Stopping]:
    server = Stopping(grace)
    await server.start()
    yield server
    await server.end()


@pytest.mark.parametrize("request_bytes", [GET, SLOW, LATE, UPGRADE])
async def test_a_connection_that_was_just_accepted_is_served_and_closed(request_bytes: bytes) -> None:
    async with stopping() as server:
        client = await server.connect()
        await server.begin()
        client.send(request_bytes)

        assert b"connection: close" in await client.response()
        assert await client.closed()


async def test_a_kept_connection_is_served_once_more() -> None:
    async with stopping() as server:
        client = await server.connect()
        client.send(GET)
        assert b"connection: close" not in await client.response()
        await server.begin()
        client.send(GET)

        assert b"connection: close" in await client.response()
        assert await client.closed()


async def test_a_response_that_has_not_begun_says_that_it_is_the_last_one() -> None:
    async with stopping() as server:
        client = await server.connect()
        client.send(LATE)
        await asyncio.sleep(0.05)
        await server.begin()

        assert b"connection: close" in await client.response()
        assert await client.closed()


async def test_behind_a_response_that_had_begun_another_request_is_served() -> None:
    async with stopping() as server:
        client = await server.connect()
        client.send(SLOW)
        await asyncio.sleep(0.05)
        await server.begin()
        assert b"connection: close" not in await client.response()
        client.send(GET)

        assert b"connection: close" in await client.response()
        assert await client.closed()


@pytest.mark.parametrize("grace", [1, None])
async def test_a_connection_on_which_nothing_comes_is_closed_before_the_grace_ends(
    grace: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(draining, "LINGER_SECONDS", 0.6)
    async with stopping(grace) as server:
        client = await server.connect()
        await server.begin()
        async with asyncio.timeout(0.9):
            assert await client.closed()


async def test_what_runs_when_the_wait_is_over_is_answered_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(draining, "LINGER_SECONDS", 0.15)
    async with stopping() as server:
        client = await server.connect()
        await server.begin()
        client.send(SLOW)

        assert b"connection: close" in await client.response()
