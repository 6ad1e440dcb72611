"""The body of an answer, taken by `read` or handed straight to a sink while `read` waits."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import TypeVar, cast

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.relay.upstream.response_body import FRAGMENT_BYTES, ResponseBody
from proxy.relay.upstream.transport import UpstreamTransport, build_request

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
T = TypeVar("T")
Write = Callable[[bytes], Awaitable[None]]


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def odd_chunk(data: bytes) -> bytes:
    """The same, as a server may write it and Nexus does not."""
    return b"0%X;a=b\r\n%b\r\n" % (len(data), data)


@asynccontextmanager
async def response(idle_seconds: float = 5.0) -> AsyncIterator[tuple[ResponseBody, Write]]:
    """A chunked answer whose head has come, and how its upstream writes on; b"" ends the connection."""
    connected: asyncio.Future[asyncio.StreamWriter] = asyncio.get_running_loop().create_future()

    def accept(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD)
        connected.set_result(writer)

    async def write(data: bytes) -> None:
        """The reader has seen it when this returns, unless it takes many reads."""
        writer = await connected
        if data:
            writer.write(data)
            await writer.drain()
        else:
            writer.close()
        for _ in range(3):
            await asyncio.sleep(0.005)

    transport = UpstreamTransport(connect_seconds=1, idle_seconds=idle_seconds)
    async with await asyncio.start_server(accept, "127.0.0.1", 0) as server:
        address = "http://{}:{}".format(*server.sockets[0].getsockname())
        request = build_request(address, "GET", "/v1/models", [], b"")
        stream = cast(ResponseBody, (await transport.handle_async_request(request)).stream)
        yield stream, write
        stream.close()
        await transport.aclose()
        (await connected).close()


class Sink:
    """Takes all."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def __call__(self, fragment: bytes, framed: bytes) -> bool:
        assert framed == chunk(fragment)
        self.taken.append(fragment)
        return True


def start(work: Coroutine[object, object, T]) -> "asyncio.Task[T]":
    return asyncio.get_running_loop().create_task(work)


async def test_what_comes_while_read_waits_goes_to_the_taker_and_the_end_to_read() -> None:
    take = Sink()

    async with response() as (stream, write):
        stream.hand_to(take)
        reading = start(stream.read())
        await write(chunk(b"one"))
        await write(chunk(b"two") + chunk(b"three"))

        assert (b"".join(take.taken), reading.done()) == (b"onetwothree", False)

        await write(chunk(b"last") + END)

        assert (await reading, stream.ended, b"".join(take.taken)) == (b"last", True, b"onetwothree")


async def test_what_the_taker_refuses_is_what_read_gives() -> None:
    async with response() as (stream, write):
        stream.hand_to(lambda *_: False)
        for word in (b"one", b"two"):
            reading = start(stream.read())
            await write(chunk(word))

            assert await asyncio.wait_for(reading, 2) == word


async def test_a_taker_that_fails_fails_who_reads() -> None:
    def take(*_: bytes) -> bool:
        raise ZeroDivisionError

    async with response() as (stream, write):
        stream.hand_to(take)
        reading = start(stream.read())
        await write(chunk(b"one"))

        with pytest.raises(ZeroDivisionError):
            await reading


async def test_a_taker_that_fails_with_an_event_fails_who_reads() -> None:
    async with response() as (stream, write):
        stream.hand_to(lambda fragment, _: bool({b"one\n\n": 1}[fragment]))
        reading = start(stream.read())
        await write(chunk(b"one\n\n"))
        await write(chunk(b"two\n\n"))

        with pytest.raises(KeyError):
            await reading


async def test_events_that_come_before_somebody_takes_them_wait_for_who_reads() -> None:
    async with response() as (stream, write):
        await write(chunk(b"one\n\n"))
        await write(chunk(b"two\n\n"))

        assert await stream.read() == b"one\n\ntwo\n\n"


async def test_an_event_that_comes_alone_is_handed_on_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    take = Sink()
    parsed: list[bytes] = []

    async with response() as (stream, write):
        feed = stream._response_parser.feed

        def parse(data: bytes) -> None:
            parsed.append(data)
            feed(data)

        monkeypatch.setattr(stream._response_parser, "feed", parse)
        stream.hand_to(take)
        reading = start(stream.read())
        events = [b"%d\n\n" % number for number in range(5)]
        for event in events:
            await write(chunk(event))
        await write(odd_chunk(b"odd\n\n"))
        await write(chunk(b"last\n\n") + END)

        assert await reading == b"last\n\n"
        assert take.taken == [*events, b"odd\n\n"]
        assert parsed == [chunk(events[0]), odd_chunk(b"odd\n\n"), chunk(b"last\n\n") + END]


@pytest.mark.parametrize("last", [b"", b"not a chunk's length\r\n"])
async def test_an_answer_that_breaks_off_ends_who_reads(last: bytes) -> None:
    take = Sink()

    async with response() as (stream, write):
        stream.hand_to(take)
        reading = start(stream.read())
        await write(chunk(b"one"))
        await write(last)

        with pytest.raises(httpx.ReadError):
            await asyncio.wait_for(reading, 2)
        assert take.taken == [b"one"]


async def test_silence_ends_who_reads_in_time() -> None:
    async with response(idle_seconds=0.2) as (stream, write):
        stream.hand_to(lambda *_: True)
        reading = start(stream.read())
        await write(chunk(b"one"))

        with pytest.raises(httpx.ReadError, match="Timeout"):
            await asyncio.wait_for(reading, 2)


async def test_an_answer_that_is_closed_tells_nobody_any_more() -> None:
    take = Sink()

    async with response() as (stream, write):
        stream.hand_to(take)
        reading = start(stream.read())
        await write(chunk(b"one"))
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        stream.close()
        await write(chunk(b"two"))

        assert take.taken == [b"one"]


# Bytes, and how many of them are a chunk: a large one, or very many, let aiohttp pause the connection, also within the taking.
shapes = st.sampled_from(
    [(1, 1), (100, 30), (FRAGMENT_BYTES, FRAGMENT_BYTES), (700_000, 700_000), (900_000, 50_000), (50_000, 1)]
)
# How a body's bytes are chosen: events have their ends, which are where chunks may go past the parser.
events = st.lists(st.sampled_from([b"a", b"\n", b"\r\n", b"3\r\n", b"\n\n"]), min_size=1).map(
    lambda parts: b"".join(parts) + b"\n\n"
)
blocks = shapes.map(lambda shape: (b"x" * shape[0], shape[1])) | events.map(lambda text: (text, len(text)))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(blocks, st.sampled_from([chunk, odd_chunk])), min_size=1, max_size=8),
    st.lists(st.booleans(), min_size=1, max_size=8),
)
def test_every_byte_comes_once_and_in_order_however_it_is_taken(
    wanted: list[tuple[tuple[bytes, int], Callable[[bytes], bytes]]], takes: list[bool]
) -> None:
    asyncio.run(_compare([(data, of, framed) for (data, of), framed in wanted], takes))


async def _compare(sent: list[tuple[bytes, int, Callable[[bytes], bytes]]], takes: list[bool]) -> None:
    seen: list[bytes] = []

    def take(fragment: bytes, framed: bytes) -> bool:
        assert framed == chunk(fragment)
        willing = takes[len(seen) % len(takes)]
        if willing:
            seen.append(fragment)
        return willing

    async with response() as (stream, write):

        async def read() -> None:
            while fragment := await stream.read():
                seen.append(fragment)
                await asyncio.sleep(0.001)

        stream.hand_to(take)
        reading = start(read())
        for data, of, framed in sent:
            await write(b"".join(framed(data[at : at + of]) for at in range(0, len(data), of)))
        await write(END)
        await asyncio.wait_for(reading, 5)

    assert b"".join(seen) == b"".join(data for data, _, _ in sent)
    assert max(map(len, seen)) <= FRAGMENT_BYTES
