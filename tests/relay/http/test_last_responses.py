"""A client that is answered while it still sends reads its response, sees no reset, and has no other request served."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest
import uvicorn

from nexus_project.demo.serving import free_socket
from proxy.relay.background import spawn
from proxy.relay.http import protocol as module
from proxy.relay.http.client_limits import Reason
from proxy.relay.http.draining import DrainingProtocol
from proxy.relay.http.protocol import LINGER, ON_LEAVE, RESPOND_EARLY, TAKE_FRAGMENTS, TOGETHER_BYTES, WRITE
from proxy.relay.http.responses import RawResponse

App = Callable[[dict[str, Any], Any, Any], Awaitable[None]]
UPLOAD = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8000000\r\n\r\n"
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
PIECE = b"x" * 65_536


class Client:
    """A connection to a server of its own."""

    def __init__(
        self, server: uvicorn.Server, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer

    @property
    def protocol(self) -> DrainingProtocol:
        """The server's end."""
        [found] = self.server.server_state.connections
        return cast(DrainingProtocol, found)

    async def send(self, *parts: bytes) -> None:
        for part in parts:
            self.writer.write(part)
            await self.writer.drain()


async def until(condition: Callable[[], object]) -> None:
    while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
        await asyncio.sleep(0.01)


@asynccontextmanager
async def connected(app: App) -> AsyncIterator[Client]:
    listener = free_socket()
    server = uvicorn.Server(
        uvicorn.Config(
            app, http=DrainingProtocol, lifespan="off", log_config=None, timeout_graceful_shutdown=2
        )
    )
    server.config.load()
    server.lifespan = server.config.lifespan_class(server.config)
    await server.startup([listener])
    client = Client(server, *await asyncio.open_connection(*listener.getsockname()))
    try:
        async with asyncio.timeout(20):
            yield client
    finally:
        client.writer.close()
        await server.shutdown([listener])


async def stream_while_it_arrives(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """As the relay answers where upstream did before it had the body: a head, a chunk past ASGI, the end."""
    scope["extensions"][TAKE_FRAGMENTS]()
    await receive()
    scope["extensions"][LINGER]()
    await send({"type": "http.response.start", "status": 403, "headers": []})
    await send({"type": "http.response.body", "body": b"re", "more_body": True})
    assert scope["extensions"][WRITE](b"4\r\nfuse\r\n")
    await asyncio.sleep(0)  # it is written at the end of this turn
    await send({"type": "http.response.body", "body": b"d", "more_body": False})


async def test_a_stream_that_ends_before_the_body_is_the_last_response_and_what_comes_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "EARLY_SECONDS", 4.0)
    async with connected(stream_while_it_arrives) as client:
        await client.send(UPLOAD, PIECE)
        response = await client.reader.read()  # to the end: the server says that nothing follows
        assert response.startswith(b"HTTP/1.1 403")
        assert response.endswith(b"\r\n\r\n2\r\nre\r\n4\r\nfuse\r\n1\r\nd\r\n0\r\n\r\n")

        for _ in range(30):  # a reset would end this within two pieces
            await client.send(PIECE)
            await asyncio.sleep(0.1)
        await client.send(GET)
        assert client.protocol.cycle.scope["method"] == "POST"


async def test_a_body_of_which_much_has_come_already_is_taken_piece_by_piece_all_the_same() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await until(lambda: len(held()) > TOGETHER_BYTES)
        scope["extensions"][TAKE_FRAGMENTS]()
        size, more = 0, True
        while more:
            message = await receive()
            size, more = size + len(message["body"]), message["more_body"]
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"%d" % size})

    async with connected(app) as client:

        def held() -> bytes | bytearray:
            return client.protocol.cycle.body

        sending = spawn(client.send(UPLOAD, b"y" * 8_000_000), "sending")
        assert b"8000000" in await client.reader.readuntil(b"0\r\n\r\n")
        await sending


async def test_a_body_that_comes_after_the_response_is_held_by_nobody() -> None:
    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})

    async with connected(app) as client:
        await client.send(b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n\r\nab")
        assert (await client.reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")
        first = client.protocol.cycle
        await client.send(b"cde", GET)
        assert (await client.reader.readuntil(b"ok")).startswith(b"HTTP/1.1 200")

        assert first.body == b""
        assert client.protocol.cycle is not first


async def refuse_early(scope: dict[str, Any], receive: Any, send: Any) -> None:
    scope["extensions"][RESPOND_EARLY](RawResponse(401, [], b"who are you?"))


@pytest.mark.parametrize(("method", "body"), [(b"POST", b"who are you?"), (b"HEAD", b"")])
async def test_a_response_to_head_has_no_body_also_when_it_is_early(method: bytes, body: bytes) -> None:
    async with connected(refuse_early) as client:
        await client.send(UPLOAD.replace(b"POST", method), PIECE)
        head, _, rest = (await client.reader.read()).partition(b"\r\n\r\n")

        assert b"content-length: 12" in head
        assert rest == body


async def test_what_is_refused_is_counted_once_whatever_comes_after() -> None:
    async with connected(refuse_early) as client:
        await client.send(UPLOAD, PIECE)
        await client.reader.read()
        refused = client.protocol
        before = dict(refused._allowance.limits._refused)
        refused._refuse(Reason.SLOW_BODY)

        assert dict(refused._allowance.limits._refused) == before


async def test_nobody_is_answered_early_who_has_left() -> None:
    left, done = asyncio.Event(), asyncio.Event()

    async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
        scope["extensions"][ON_LEAVE](left.set)
        await left.wait()
        scope["extensions"][RESPOND_EARLY](RawResponse(401, []))
        done.set()

    async with connected(app) as client:
        await client.send(UPLOAD, PIECE)
        await until(lambda: client.server.server_state.connections and client.protocol._running)
        gone = client.protocol
        client.writer.transport.abort()
        await done.wait()

        assert gone._end is None  # nothing was written, and no timer waits for a connection that is gone
