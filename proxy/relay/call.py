"""One request on one connection of aiohttp's pool, from its first byte to the answer's last.

Head and body are written as they are: aiohttp's own client would make a session's, a request's and a response's object, and a
task, of what a proxy has as bytes already. Framing of answers, the pool, TLS and time limits are aiohttp's.
"""

import asyncio
from contextlib import suppress
from typing import NamedTuple, cast

import aiohttp
from aiohttp.connector import Connection
from aiohttp.http import RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from proxy.relay.background import spawn
from proxy.relay.headers import Headers
from proxy.relay.link import Link

# A larger body is sent in pieces, while the answer may come already and others have their turns.
WHOLE_BYTES = 512 * 1024
PIECE_BYTES = 64 * 1024
# Without a body they have no length either (RFC 9110 §8.6).
BODILESS = {"GET", "HEAD", "OPTIONS", "TRACE"}


class BadHead(Exception):
    """A header would be more than one line."""


class Origin(NamedTuple):
    """Where requests go: the API's address taken apart. `request` is what aiohttp asks of those that want a connection."""

    host: bytes
    prefix: str
    request: aiohttp.ClientRequest

    @classmethod
    def at(cls, base: str) -> "Origin":
        """Made within the event loop that uses it."""
        url = URL(base, encoded=True)
        request = aiohttp.ClientRequest("GET", url, loop=asyncio.get_running_loop())
        prefix = "" if url.raw_path == "/" else url.raw_path
        return cls((url.host_port_subcomponent or "").encode(), prefix, request)


def head_of(origin: Origin, method: str, target: str, headers: Headers, size: int) -> bytes:
    """A request's head as it is written; raises BadHead."""
    parts = [f"{method} {origin.prefix}{target} HTTP/1.1\r\nhost: ".encode(), origin.host, b"\r\n"]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    lines = len(headers) + 3  # with the request line, the host and the empty one
    if size or method not in BODILESS:
        parts.append(b"content-length: %d\r\n" % size)
        lines += 1
    parts.append(b"\r\n")
    head = b"".join(parts)
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        raise BadHead("a header holds a line break or NUL")
    return head


class Call:
    """`send`, then `answer`, then read `content`; `close` in every case."""

    content: StreamReader

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.link = cast(Link, connection.protocol)
        self._writing: asyncio.Task[None] | None = None

    @property
    def whole(self) -> bool:
        """Whether the answer has come to its end, so that its connection serves others."""
        return self._connection.protocol is None

    def send(self, head: bytes, body: bytes) -> None:
        """Begin to send; what fails is told by `answer`."""
        transport = cast(asyncio.Transport, self.link.transport)
        if len(body) <= WHOLE_BYTES:
            transport.writelines((head, body) if body else (head,))
            self.link.start_timeout()
            return
        transport.write(head)
        self._writing = spawn(self._write(body), "upstream-body")

    async def _write(self, body: bytes) -> None:
        view = memoryview(body)
        with suppress(aiohttp.ClientError, OSError):
            for start in range(0, len(body), PIECE_BYTES):
                await self.link._drain_helper()  # raises when the connection is gone
                cast(asyncio.Transport, self.link.transport).write(view[start : start + PIECE_BYTES])
                await asyncio.sleep(0)
            self.link.start_timeout()

    async def answer(self) -> RawResponseMessage:
        """The final answer's head; raises aiohttp.ClientError, TimeoutError, OSError or aiohttp's HttpProcessingError."""
        while True:
            message, content = await self.link.read()
            if not 100 <= message.code < 200 or message.code == 101:
                break
        self.content = content
        content.on_eof(self._end)
        return message

    def _end(self) -> None:
        """The last byte is here. A connection that still has to take the request serves nobody else."""
        if self._writing and not self._writing.done():
            self.close()
        else:
            self._connection.release()

    def close(self) -> None:
        """Cut the connection, unless the answer came to its end and it was given back: upstream must stop at once."""
        if self._writing:
            self._writing.cancel()
        self._connection.close()
