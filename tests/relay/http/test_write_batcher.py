"""What is written at the end of a turn: all of it, in order, before what is scheduled later, whoever has gone."""

import asyncio
import gc
import socket
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from proxy.relay.http.write_batcher import LARGE_BYTES, MOST_WAITING, WriteBatcher


class Client:
    """A real connection, from both its ends."""

    def __init__(self, transport: asyncio.WriteTransport, far: socket.socket) -> None:
        self.transport, self.far = transport, far

    @classmethod
    async def connected(cls) -> "Client":
        near, far = socket.socketpair()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=near)
        far.setblocking(False)
        return cls(transport, far)

    def received(self) -> bytes:
        try:
            return self.far.recv(100_000)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        self.transport.abort()
        self.far.close()


async def _at_the_end_of_the_turn() -> None:
    loop, clients = asyncio.get_running_loop(), [await Client.connected() for _ in range(3)]
    later: list[bytes] = []
    batcher = WriteBatcher.of(loop)
    for word in (b"one", b"two"):
        for client in clients:
            batcher.put(loop, client.transport, word)
    loop.call_soon(lambda: later.extend(client.received() for client in clients))
    assert [client.received() for client in clients] == [b""] * 3
    await asyncio.sleep(0)
    assert later == [b"onetwo"] * 3
    for client in clients:
        client.close()


async def _many() -> None:
    loop, client = asyncio.get_running_loop(), await Client.connected()
    batcher = WriteBatcher.of(loop)
    for _ in range(MOST_WAITING + 1):
        batcher.put(loop, client.transport, b"x")
    assert client.received() == b"x" * MOST_WAITING
    await asyncio.sleep(0)
    assert client.received() == b"x"
    client.close()


async def _large() -> None:
    loop, client = asyncio.get_running_loop(), await Client.connected()
    batcher = WriteBatcher.of(loop)
    batcher.put(loop, client.transport, b"before")
    batcher.put(loop, client.transport, bytes(LARGE_BYTES))
    assert client.received() == b"before" + bytes(LARGE_BYTES)
    client.close()


async def _gone() -> None:
    loop = asyncio.get_running_loop()
    gone, there = await Client.connected(), await Client.connected()
    gone.transport.abort()
    await asyncio.sleep(0.01)
    with pytest.raises(RuntimeError):  # what a closed transport does with a write
        gone.transport.write(b"x")
    batcher = WriteBatcher.of(loop)
    batcher.put(loop, gone.transport, b"lost")
    batcher.put(loop, there.transport, b"kept")
    await asyncio.sleep(0)
    assert there.received() == b"kept"
    gone.far.close()
    there.close()


@pytest.mark.parametrize("scene", [_at_the_end_of_the_turn, _many, _large, _gone])
def test_what_is_put_is_written(scene: Callable[[], Coroutine[object, object, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scene())


def test_each_loop_has_one_as_long_as_it_lives() -> None:
    loop, other = asyncio.new_event_loop(), uvloop.new_event_loop()
    known = len(WriteBatcher._of)
    assert WriteBatcher.of(loop) is WriteBatcher.of(loop) is not WriteBatcher.of(other)
    loop.close()
    other.close()
    del loop, other
    gc.collect()
    assert len(WriteBatcher._of) <= known
