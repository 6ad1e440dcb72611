"""The way upstream, where the network is at fault."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import cast

import httpx
import pytest

from proxy.relay.upstream.response_body import ResponseBody
from proxy.relay.upstream.transport import UpstreamTransport, build_request

Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@contextlib.asynccontextmanager
async def answered(response: Handle, idle_seconds: float) -> AsyncIterator[ResponseBody]:
    """The body of what a server answers, through a transport that is as patient."""
    transport = UpstreamTransport(connect_seconds=1, idle_seconds=idle_seconds)
    async with await asyncio.start_server(response, "127.0.0.1", 0) as server:
        address = "http://{}:{}".format(*server.sockets[0].getsockname())
        request = build_request(address, "GET", "/v1/models", [], b"")
        stream = cast(ResponseBody, (await transport.handle_async_request(request)).stream)
        yield stream
        stream.close()
        await transport.aclose()


async def test_an_upstream_that_takes_no_connection_is_given_up_in_time() -> None:
    with contextlib.ExitStack() as sockets:
        server = sockets.enter_context(socket.socket())
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for _ in range(4):  # nobody accepts: after these the kernel answers no more
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        transport = UpstreamTransport(connect_seconds=0.3, idle_seconds=5)
        address = "http://{}:{}".format(*server.getsockname())

        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(build_request(address, "GET", "/v1/models", [], b""))

        await transport.aclose()


async def test_the_time_limit_of_silence_begins_anew_with_each_piece() -> None:
    fragments, apart, idle = 5, 0.2, 0.5
    ended = asyncio.Event()

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        for _number in range(fragments):
            await asyncio.sleep(apart)
            writer.write(b"1\r\nx\r\n")
        await reader.read()  # until the client leaves
        writer.close()
        await writer.wait_closed()
        ended.set()

    async with answered(response, idle) as stream:
        read = [await stream.read() for _ in range(fragments)]
        silent_since = time.monotonic()

        with pytest.raises(httpx.ReadError, match="Timeout"):
            await stream.read()

        assert b"".join(read) == b"x" * fragments
        assert idle / 2 < time.monotonic() - silent_since < idle + 1
        stream.close()
        await asyncio.wait_for(ended.wait(), 5)


async def test_a_client_that_does_not_read_for_long_is_no_silence_of_the_api() -> None:
    body, idle = bytes(range(256)) * 40_000, 0.2

    async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
        await writer.drain()
        writer.close()

    async with answered(response, idle) as stream:
        first = await stream.read()
        await asyncio.sleep(idle * 4)

        assert first + b"".join([fragment async for fragment in stream]) == body
