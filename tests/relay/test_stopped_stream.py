"""A response that somebody stops: an error behind a whole event, or a connection that breaks."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import httpx
import pytest

from accounts.access.stops import Stop
from proxy import record
from proxy.relay import response_stream as module
from proxy.relay.capture.exchange import SPILL_BYTES, Exchange
from proxy.relay.handler import BrokenOff
from proxy.relay.http.headers import Headers
from proxy.relay.response_stream import ResponseStream
from proxy.relay.stops.under_way import UnderWay
from tests.relay.stops.requests import request_of
from tests.relay.upstream.test_response_body import Sink, chunk, response, start

STOP = Stop(1, "a.example", "s", "", "ann", 4e9)
STREAM: Headers = [(b"content-type", b"text/event-stream; charset=utf-8")]
PING = b"event: ping\ndata: {}\n\n"


class Passed:
    """A response on its way: what the client has of it."""

    def __init__(self, stream: ResponseStream, under_way: UnderWay, exchange: Exchange) -> None:
        self.stream, self.under_way, self.exchange = stream, under_way, exchange
        self.sink = Sink()
        self.read = b""
        stream.go_straight(lambda framed: self.sink(framed.split(b"\r\n", 1)[1][:-2], framed))

    async def all(self) -> bytes:
        """Read to the end."""
        more = True
        while more:
            fragment, more = await self.stream.next()
            self.read += fragment
        return b"".join(self.sink.taken) + self.read


@asynccontextmanager
async def passed(
    headers: Headers = STREAM,
) -> AsyncIterator[tuple[Passed, Callable[[bytes], Awaitable[None]]]]:
    async with response() as (body, write):
        exchange = Exchange(None, lambda _: None)
        under_way = UnderWay(exchange, request_of("s"), "a.example")
        found = httpx.Response(200, stream=body)
        stream = ResponseStream(exchange, found, headers, under_way)
        yield Passed(stream, under_way, exchange), write
        stream.close(client_gone=False)


def error_of(end: bytes) -> dict[str, object]:
    name, data, rest = end.split(b"\n", 2)
    assert (name, rest) == (b"event: error", b"\n")
    found: dict[str, object] = json.loads(data.removeprefix(b"data: "))
    return found


async def test_an_error_follows_a_whole_event_while_the_reader_waits() -> None:
    async with passed() as (to_client, write):
        reading = start(to_client.all())
        await write(chunk(PING))
        to_client.under_way.end(STOP)
        body = await reading

    error = error_of(body.removeprefix(PING))
    assert error["type"] == "error"
    assert error["request_id"] == to_client.exchange.id
    assert to_client.exchange.outcome == record.ABORTED
    assert to_client.exchange.size == len(PING)


async def test_before_the_first_byte_the_error_is_the_whole_stream() -> None:
    async with passed() as (to_client, _):
        to_client.under_way.end(STOP)

        assert error_of(await to_client.all())


@pytest.mark.parametrize("cut", [3, len(PING) - 1, len(PING) + 5])
async def test_the_rest_of_an_event_comes_first(cut: int) -> None:
    body = PING + PING
    async with passed() as (to_client, write):
        reading = start(to_client.all())
        await write(chunk(body[:cut]))
        to_client.under_way.end(STOP)
        await write(chunk(body[cut : cut + 1]))
        await write(chunk(body[cut + 1 :] + PING))
        found = await reading

    whole = len(PING) * (1 if cut < len(PING) else 2)
    assert found[:whole] == body[:whole]
    assert error_of(found[whole:])
    assert to_client.exchange.size == whole


async def test_the_end_of_an_event_is_known_behind_what_went_to_disk() -> None:
    long = b"data: " + b"x" * SPILL_BYTES + b"\n\n"
    async with passed() as (to_client, write):
        reading = start(to_client.all())
        await write(chunk(long))
        await asyncio.sleep(0.05)
        to_client.under_way.end(STOP)
        body = await reading

    assert error_of(body.removeprefix(long))


@pytest.mark.parametrize("ends", ["it does not come", "upstream breaks off", "upstream ends"])
async def test_without_the_rest_of_an_event_the_connection_breaks(
    monkeypatch: pytest.MonkeyPatch, ends: str
) -> None:
    monkeypatch.setattr(module, "PATIENCE_SECONDS", 0.2)
    async with passed() as (to_client, write):
        reading = start(to_client.all())
        await write(chunk(b"event: pi"))
        to_client.under_way.end(STOP)
        if ends != "it does not come":
            await write(b"" if ends == "upstream breaks off" else b"0\r\n\r\n")

        with pytest.raises(BrokenOff):
            await reading

    assert to_client.exchange.outcome == record.ABORTED
    assert b"".join(to_client.sink.taken) + to_client.read == b"event: pi"


@pytest.mark.parametrize(
    "headers",
    [
        [(b"content-type", b"application/json")],
        [*STREAM, (b"content-encoding", b"gzip")],
        [*STREAM, (b"content-length", b"100")],
    ],
)
async def test_what_takes_no_event_breaks_off(headers: Headers) -> None:
    async with passed(headers) as (to_client, write):
        reading = start(to_client.all())
        await write(chunk(PING))
        to_client.under_way.end(STOP)

        with pytest.raises(BrokenOff):
            await reading

    assert to_client.exchange.outcome == record.ABORTED
