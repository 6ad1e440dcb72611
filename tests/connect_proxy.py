"""A forward proxy that speaks CONNECT, on a free port of loopback, in a thread of its own."""

import asyncio
import base64
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

END = b"\r\n\r\n"


@dataclass
class ConnectProxy:
    """Leads to `names`, which stand for servers of this machine: `{"api.example.com:443": "http://127.0.0.1:8000"}`.

    `pair` is the `user:password` that it wants; `refuses` a whole head that it answers in any case; one that `hangs` never answers.
    """

    names: Mapping[str, str]
    pair: str = ""
    refuses: bytes = b""
    hangs: bool = False
    url: str = ""
    heads: list[bytes] = field(default_factory=list)

    def targets(self) -> list[str]:
        """What was asked for, in order: `host:port`."""
        return [head.split()[1].decode() for head in self.heads]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(END)
        self.heads.append(head)
        if self.hangs:
            await reader.read()
        elif response := self._refusal(head):
            writer.write(response)
        else:
            await self._lead(head.split()[1].decode(), reader, writer)

    def _refusal(self, head: bytes) -> bytes:
        expected = b"Basic " + base64.b64encode(self.pair.encode())
        if self.pair and expected not in head:
            return b"HTTP/1.1 407 Who are you\r\nProxy-Authenticate: Basic realm=x\r\ncontent-length: 0" + END
        return self.refuses

    async def _lead(self, target: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        behind = urlsplit(self.names[target])
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", behind.port)
        writer.write(b"HTTP/1.0 200 Connection established" + END)
        try:
            await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))
        finally:
            far_writer.close()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while fragment := await reader.read(65536):
            writer.write(fragment)
            await writer.drain()
    writer.close()


@contextmanager
def serve(proxy: ConnectProxy, certificate: Path | None = None) -> Iterator[ConnectProxy]:
    """Serve it while the context is open, by TLS where it has a certificate (with its key, for localhost)."""
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    started, loop = threading.Event(), asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with await asyncio.start_server(proxy.serve, "127.0.0.1", 0, ssl=context) as server:
            port = server.sockets[0].getsockname()[1]
            proxy.url = f"https://localhost:{port}" if context else f"http://127.0.0.1:{port}"
            started.set()
            await stop.wait()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.05)  # for what was closed to be gone

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()), daemon=True)
    thread.start()
    try:
        assert started.wait(10)
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
