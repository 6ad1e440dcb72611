"""What an answer leaves behind: the collector of garbage took a tenth of a small request's time for it."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import Iterator

from proxy.relay.capture.exchange import Exchange
from proxy.relay.response_stream import ResponseStream
from proxy.relay.stops.under_way import UnderWay
from proxy.relay.upstream.response_body import ResponseBody
from proxy.relay.upstream.transport import UpstreamTransport, build_request
from tests.relay.stops.requests import request_of

RESPONSE = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\none\r\n"
END = b"3\r\ntwo\r\n0\r\n\r\n"


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """What goes in here goes because nobody holds it."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


async def response(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Requests of one connection, the end of each answer after a moment."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while await reader.readuntil(b"\r\n\r\n"):
            writer.write(RESPONSE)
            await asyncio.sleep(0.05)
            writer.write(END)
    writer.close()


async def passed_on(transport: UpstreamTransport, address: str, *, whole: bool) -> list[weakref.ref[object]]:
    """Pass an answer on, to its end or until a client leaves; who took part."""
    response = await transport.handle_async_request(build_request(address, "GET", "/v1/models", [], b""))
    assert isinstance(response.stream, ResponseBody)
    exchange = Exchange(None, lambda _: None)
    under_way = UnderWay(exchange, request_of("s"), "a.example")
    response_stream = ResponseStream(exchange, response, [], under_way)
    response_stream.go_straight(lambda fragment: True)
    more = True
    while more and whole:
        _, more = await response_stream.next()
    response_stream.close(client_gone=not whole)
    stream = response.stream
    return [
        weakref.ref(item)
        for item in (response_stream, stream, stream._upstream_request, stream._response_parser)
    ]


async def test_nothing_of_an_answer_waits_for_the_collector() -> None:
    transport = UpstreamTransport(connect_seconds=1, idle_seconds=5)
    async with await asyncio.start_server(response, "127.0.0.1", 0) as server:
        address = "http://{}:{}".format(*server.sockets[0].getsockname())
        with without_collector():
            for whole in (True, True, False):
                left = await passed_on(transport, address, whole=whole)
                await asyncio.sleep(0.1)  # the connection of one that was cut ends
                assert [reference() for reference in left] == [None] * 4
        await transport.aclose()
