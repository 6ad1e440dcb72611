"""One request on one connection of aiohttp's pool, from its first byte to the answer's last.

Head and body are written as they are: aiohttp's own client would make a session's, a request's and a response's object, and a
task, of what a proxy has as bytes already. The pool, TLS and names are aiohttp's, the framing of answers httptools'.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import NamedTuple, cast

import aiohttp
from aiohttp.connector import Connection
from yarl import URL

from proxy.relay.background import spawn
from proxy.relay.http.chunks import chunk_of
from proxy.relay.http.headers import Headers
from proxy.relay.http.request_body import Source
from proxy.relay.upstream.connection import UpstreamConnection
from proxy.relay.upstream.response_parser import Head, ResponseParser

# A larger body is sent in pieces, while the answer may come already and others have their turns.
WHOLE_BYTES = 512 * 1024
FRAGMENT_BYTES = 64 * 1024
LAST_CHUNK = b"0\r\n\r\n"
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


def head_of(origin: Origin, method: str, target: str, headers: Headers, size: int | None) -> bytes:
    """A request's head as it is written, `size` None for a body in chunks; raises BadHead."""
    parts = [f"{method} {origin.prefix}{target} HTTP/1.1\r\nhost: ".encode(), origin.host, b"\r\n"]
    for name, value in headers:
        parts += (name, b": ", value, b"\r\n")
    lines = len(headers) + 3  # with the request line, the host and the empty one
    if size is None:
        parts.append(b"transfer-encoding: chunked\r\n")
        lines += 1
    elif size or method not in BODILESS:
        parts.append(b"content-length: %d\r\n" % size)
        lines += 1
    parts.append(b"\r\n")
    head = b"".join(parts)
    if head.count(b"\n") != lines or head.count(b"\r") != lines or b"\0" in head:
        raise BadHead("a header holds a line break or NUL")
    return head


class UpstreamRequest:
    """`send`, then `response`, then take of `parser`; `close` in every case."""

    def __init__(self, connection: Connection, idle_seconds: float, *, bodiless: bool) -> None:
        self._connection = connection
        self.connection = cast(UpstreamConnection, connection.protocol)
        self.parser = ResponseParser(bodiless=bodiless)
        self.connection.expect(self.parser, idle_seconds, self._end)
        self._writing: asyncio.Task[None] | None = None
        self._failure: Exception | None = None
        self._idle_seconds = idle_seconds

    def send(self, head: bytes, body: bytes | Source) -> None:
        """Begin to send; what fails is raised by `response`."""
        transport = cast(asyncio.Transport, self.connection.transport)
        if not isinstance(body, bytes):
            transport.write(head)
            self._writing = spawn(self._pass_on(body), "upstream-body")
            return
        if len(body) <= WHOLE_BYTES:
            transport.writelines((head, body) if body else (head,))
            self.connection.start_timeout()
            return
        transport.write(head)
        self._writing = spawn(self._write(body), "upstream-body")

    async def _write(self, body: bytes) -> None:
        view = memoryview(body)
        with suppress(aiohttp.ClientError, OSError):
            for start in range(0, len(body), FRAGMENT_BYTES):
                (await self._ready()).write(view[start : start + FRAGMENT_BYTES])
                await asyncio.sleep(0)
            self.connection.start_timeout()

    async def _pass_on(self, source: Source) -> None:
        chunked = source.length is None
        with suppress(aiohttp.ClientError, OSError):
            try:
                while chunk := await source.next():
                    (await self._ready()).write(chunk_of(chunk) if chunked else chunk)
                if chunked:
                    (await self._ready()).write(LAST_CHUNK)
                self.connection.start_timeout()
            except (aiohttp.ClientError, OSError):
                raise
            except Exception as error:
                self._failure = error
                self.connection.give_up(aiohttp.ClientPayloadError("the request broke off"))

    async def _ready(self) -> asyncio.Transport:
        """The connection, once it takes more; raises aiohttp.ClientError or OSError where it is gone, or takes nothing for long."""
        connection = self.connection
        if connection._paused:
            try:
                async with asyncio.timeout(self._idle_seconds):
                    await connection._drain_helper()
            except TimeoutError:
                connection.give_up(aiohttp.SocketTimeoutError("Timeout on sending data to socket"))
        await connection._drain_helper()
        return cast(asyncio.Transport, connection.transport)

    async def response(self) -> Head:
        """The final answer's head; raises aiohttp.ClientError, TimeoutError or OSError, or what a body's source raised.

        What breaks an answer whose head has come is reported by its body, however the network cut the bytes.
        """
        parser = self.parser
        while parser.head is None and not parser.ended:
            heard = asyncio.get_running_loop().create_future()
            self.connection.listener = partial(settle, heard)
            await heard
        if parser.head is None:
            raise self._failure or cast(Exception, parser.error)  # what ended without an error has one
        return parser.head

    def _end(self) -> None:
        """Nothing more follows. A connection that still has to take the request serves nobody else."""
        if self._writing and not self._writing.done():
            self.close()
        else:
            self._connection.release()

    def close(self) -> None:
        """Cut the connection, unless the answer came to its end and it was given back: upstream must stop at once."""
        if self._writing:
            self._writing.cancel()
        self._connection.close()


def settle(heard: "asyncio.Future[None]") -> None:
    """Wake who waits for it."""
    if not heard.done():
        heard.set_result(None)
