"""One request on one connection: what is written, and what becomes of the connection."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import cast

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.relay.http.request_body import Source
from proxy.relay.upstream.request import WHOLE_BYTES, BadHead, Origin, head_of, settle
from proxy.relay.upstream.response_body import ResponseBody
from proxy.relay.upstream.transport import UpstreamTransport, build_request

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
Handle = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def upstream(handle: Handle) -> AsyncIterator[tuple[UpstreamTransport, str]]:
    """A transport and the address of a server whose connections are handled so."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await handle(reader, writer)
        finally:
            writer.close()

    transport = UpstreamTransport(connect_seconds=1, idle_seconds=5)
    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield transport, "http://{}:{}".format(*server.sockets[0].getsockname())
        await transport.aclose()


async def ask(
    transport: UpstreamTransport, address: str, body: bytes | Source = b"", method: str = "POST"
) -> bytes:
    request = build_request(address, method, "/v1/a?b", [(b"x-a", b"1"), (b"x-a", b"2")], body)
    stream = cast(ResponseBody, (await transport.handle_async_request(request)).stream)
    try:
        return b"".join([fragment async for fragment in stream])
    finally:
        stream.close()


@pytest.mark.parametrize(
    ("method", "body", "length"),
    [
        ("POST", b"{}", b"content-length: 2\r\n"),
        ("POST", b"", b"content-length: 0\r\n"),
        ("GET", b"", b""),
        ("GET", b"{}", b"content-length: 2\r\n"),
    ],
)
async def test_the_head_is_written_as_it_came_with_host_and_length(
    method: str, body: bytes, length: bytes
) -> None:
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        await reader.readexactly(len(body))
        writer.write(OK)

    async with upstream(handle) as (transport, address):
        assert await ask(transport, f"{address}/pre", body, method) == b"ok"

    host = address.removeprefix("http://").encode()
    line = f"{method} /pre/v1/a?b HTTP/1.1\r\n".encode()
    assert heads == [line + b"host: " + host + b"\r\nx-a: 1\r\nx-a: 2\r\n" + length + b"\r\n"]


async def test_a_connection_serves_one_request_after_the_other() -> None:
    opened = 0

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        while await reader.readline():
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)

    async with upstream(handle) as (transport, address):
        assert [await ask(transport, address) for _ in range(3)] == [b"ok"] * 3

    assert opened == 1


async def test_bytes_that_nobody_asked_for_end_an_idle_connection() -> None:
    opened, closed = 0, asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        if opened == 1:
            await asyncio.sleep(0.05)
            writer.write(OK)
            assert await reader.read() == b""
            closed.set()

    async with upstream(handle) as (transport, address):
        assert await ask(transport, address) == b"ok"
        await asyncio.wait_for(closed.wait(), 5)
        assert await ask(transport, address) == b"ok"

    assert opened == 2


@pytest.mark.parametrize(
    "response",
    [
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\n\r\n",
        b"HTTP/1.1 999 Odd\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx-bell: a\x07b\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\nmore",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["101", "101-alone", "999", "bell", "more", "bad-chunk"],
)
async def test_a_connection_whose_answer_did_not_end_cleanly_serves_nobody_else(response: bytes) -> None:
    opened, closed = 0, asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response if opened == 1 else OK)
        if opened == 1:
            assert await reader.read() == b"", "another request came on it"
            closed.set()

    async with upstream(handle) as (transport, address):
        with pytest.raises(httpx.TransportError):
            await ask(transport, address)
        assert await ask(transport, address) == b"ok"
        await asyncio.wait_for(closed.wait(), 5)

    assert opened == 2


async def test_an_answer_to_head_has_its_length_and_no_body() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1234\r\n\r\n")

    async with upstream(handle) as (transport, address):
        request = build_request(address, "HEAD", "/v1/models", [], b"")
        response = await transport.handle_async_request(request)
        assert response.headers["content-length"] == "1234"
        assert await cast(ResponseBody, response.stream).read() == b""


async def test_a_large_body_arrives_whole_while_others_have_their_turns() -> None:
    body, turns = bytes(range(256)) * 40_000, 0
    got: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        got.append(await reader.readexactly(len(body)))
        writer.write(OK)

    async with upstream(handle) as (transport, address):
        asking = asyncio.get_running_loop().create_task(ask(transport, address, body))
        while not asking.done():
            turns += 1
            await asyncio.sleep(0)

        assert await asking == b"ok"
    assert got == [body]
    assert turns > len(body) // WHOLE_BYTES


async def test_an_answer_before_the_request_was_sent_ends_the_connection() -> None:
    opened = 0
    ends: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal opened
        opened += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        if opened == 1:
            await asyncio.sleep(0.2)  # takes nothing meanwhile: the sockets' buffers are full
            while fragment := await reader.read(2**20):
                ends[:] = [fragment]

    async with upstream(handle) as (transport, address):
        assert await ask(transport, address, bytes(30 * 2**20)) == b"ok"
        assert await ask(transport, address) == b"ok"

    assert opened == 2


async def test_an_upstream_that_goes_while_a_large_body_is_sent_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with upstream(handle) as (transport, address):
        with pytest.raises(httpx.ReadError):
            await ask(transport, address, bytes(30 * 2**20))

    assert caplog.records == []


async def test_a_header_of_more_than_one_line_is_not_sent() -> None:
    async def handle(_reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        raise AssertionError

    async with upstream(handle) as (transport, address):
        request = build_request(address, "POST", "/v1/a", [(b"x-a", b"1\r\nx-b: 2")], b"")
        with pytest.raises(httpx.LocalProtocolError, match="line break"):
            await transport.handle_async_request(request)


async def test_word_that_comes_twice_before_a_task_has_its_turn_counts_once() -> None:
    heard: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    settle(heard)
    settle(heard)

    assert heard.done()


words = st.binary(max_size=8)


@given(st.lists(st.tuples(words, words), max_size=4))
def test_no_header_can_add_a_line(headers: list[tuple[bytes, bytes]]) -> None:
    async def made() -> bytes:
        return head_of(Origin.at("https://api.example"), "POST", "/v1", headers, 5)

    bad = any(mark in name + value for name, value in headers for mark in (b"\r", b"\n", b"\0"))
    if bad:
        with pytest.raises(BadHead):
            asyncio.run(made())
    else:
        assert asyncio.run(made()).count(b"\r\n") == len(headers) + 4


class Reported:
    """A body that a test gives piece by piece."""

    def __init__(self, *chunks: bytes, length: int | None = None, error: Exception | None = None) -> None:
        self.length = length
        self.left = list(chunks)
        self.error = error

    async def next(self) -> bytes:
        if self.left:
            return self.left.pop(0)
        if self.error:
            raise self.error
        return b""


@pytest.mark.parametrize(
    ("length", "sent", "framing"),
    [
        (None, b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n", b"transfer-encoding: chunked\r\n"),
        (3, b"abc", b"content-length: 3\r\n"),
    ],
)
async def test_a_body_is_passed_on_as_it_arrives(length: int | None, sent: bytes, framing: bytes) -> None:
    heads: list[bytes] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        assert await reader.readexactly(len(sent)) == sent
        writer.write(OK)

    async with upstream(handle) as (transport, address):
        assert await ask(transport, address, Reported(b"a", b"bc", length=length)) == b"ok"
        [(_, free)] = transport._connector._conns.items()

    assert len(free) == 1
    assert framing in heads[0]


async def test_what_ends_a_body_in_the_middle_ends_the_request() -> None:
    ended = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        assert await reader.read() == b"a"
        ended.set()

    async with upstream(handle) as (transport, address):
        with pytest.raises(LookupError):
            await ask(transport, address, Reported(b"a", length=9, error=LookupError()))
        await asyncio.wait_for(ended.wait(), 5)


async def test_what_ends_a_body_after_the_whole_answer_ends_nothing_else() -> None:
    answered = asyncio.Event()

    class Late(Reported):
        async def next(self) -> bytes:
            if not self.left:
                await answered.wait()
                await asyncio.sleep(0)
            return await super().next()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()

    async with upstream(handle) as (transport, address):
        assert await ask(transport, address, Late(b"a", length=9, error=LookupError())) == b"ok"
        answered.set()
        await asyncio.sleep(0.05)
        assert not transport._connector._conns


async def test_an_upstream_that_takes_nothing_of_a_body_is_given_up() -> None:
    over = asyncio.Event()

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await over.wait()

    for body in (bytes(40_000_000), Reported(*[bytes(1_000_000)] * 40, length=40_000_000)):
        over.clear()
        async with upstream(handle) as (transport, address):
            transport._idle_seconds = 0.3
            with pytest.raises(httpx.ReadTimeout):
                await ask(transport, address, body)
            over.set()


async def test_an_upstream_that_goes_in_the_middle_of_a_body_is_told() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")

    async with upstream(handle) as (transport, address):
        with pytest.raises(httpx.ReadError):
            await ask(transport, address, Reported(*[bytes(1_000_000)] * 40, length=40_000_000))


async def test_an_answer_that_breaks_off_with_its_head_breaks_off_behind_it() -> None:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nshort\r\n\xff\xff")

    async with upstream(handle) as (transport, address):
        request = build_request(address, "POST", "/v1/a", [], b"")
        response = await transport.handle_async_request(request)
        stream = cast(ResponseBody, response.stream)
        assert (response.status_code, await stream.read()) == (200, b"short")
        with pytest.raises(httpx.ReadError):
            await stream.read()
        stream.close()


async def test_a_body_that_breaks_off_behind_a_response_that_was_read_takes_nothing_from_it() -> None:
    broke = asyncio.Event()

    class Upload:
        length = 10**6

        async def next(self) -> bytes:
            try:
                return await asyncio.Future()
            except (
                asyncio.CancelledError
            ):  # nobody wants it any more, and at the same moment its client leaves
                broke.set()
                raise RuntimeError("the client left") from None

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()

    async with upstream(handle) as (transport, address):
        request = build_request(address, "POST", "/v1/files", [], cast(bytes, Upload()))
        response = await transport.handle_async_request(request)
        stream = cast(ResponseBody, response.stream)
        body = b"".join([fragment async for fragment in stream])
        stream.close()
        await asyncio.wait_for(broke.wait(), 5)
        await asyncio.sleep(0)

    assert (response.status_code, body) == (200, b"ok")
