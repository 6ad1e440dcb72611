"""An API that takes bodies of any size without keeping them, and answers early, late or never, as the request's `x-sink` says."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hashlib import sha256

ROUND_BYTES = 64 * 1024


@dataclass
class Taken:
    """What came of one request so far: the head's lines in lower case, size and digest of the body, and whether it came whole."""

    head: dict[bytes, bytes]
    size: int = 0
    whole: bool = False
    digest: str = ""
    closed: threading.Event = field(default_factory=threading.Event)


@dataclass
class Sink:
    """`taken` by the value of `x-sink`: a mode (`whole`, `refuse`, `deaf`) and, after a blank, a name."""

    url: str
    taken: dict[str, list[Taken]] = field(default_factory=dict)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request; then the connection is closed."""
        lines = (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[1:-2]
        head = {name.lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
        name = head[b"x-sink"].decode()
        taken = Taken(head)
        self.taken.setdefault(name, []).append(taken)
        try:
            await self._play(name.partition(" ")[0], taken, reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the other side broke off, or the test ended
        finally:
            writer.close()
            taken.closed.set()

    async def _play(
        self, mode: str, taken: Taken, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if mode == "refuse":
            writer.write(_response(401, b'{"type":"error","error":{"type":"authentication_error"}}'))
            await writer.drain()
        if mode == "deaf":
            await asyncio.sleep(30)
            return
        await _take(taken, reader)
        if mode == "whole":
            writer.write(_response(200, b'{"id":"file_1","type":"file"}'))
            await writer.drain()


def _response(status: int, body: bytes) -> bytes:
    return (
        b"HTTP/1.1 %d X\r\ncontent-type: application/json\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s"
        % (
            status,
            len(body),
            body,
        )
    )


async def _take(taken: Taken, reader: asyncio.StreamReader) -> None:
    digest = sha256()
    chunked = taken.head.get(b"transfer-encoding") == b"chunked"
    left = 0 if chunked else int(taken.head[b"content-length"])
    while True:
        if chunked:
            left = int(await reader.readuntil(b"\r\n"), 16)
        last = not left or not chunked
        while left:
            data = await reader.read(min(left, ROUND_BYTES))
            if not data:
                return
            left -= len(data)
            taken.size += len(data)
            digest.update(data)
        if chunked:
            await reader.readexactly(2)
        if last:
            taken.whole, taken.digest = True, digest.hexdigest()
            return


@contextmanager
def serve() -> Iterator[Sink]:
    """Serve on a free port while the context is open."""
    loop = asyncio.new_event_loop()
    sink = Sink("")
    server = loop.run_until_complete(asyncio.start_server(sink.serve, "127.0.0.1", 0, limit=ROUND_BYTES))
    sink.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield sink
    asyncio.run_coroutine_threadsafe(_end(server), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def _end(server: asyncio.Server) -> None:
    server.close()
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    await asyncio.sleep(0.05)
