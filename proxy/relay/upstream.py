"""The way to the API: httpx's transport interface over aiohttp's connector (docs/decisions/0004).

Called directly and not through a client: cookies, redirects, an auth flow and hooks have no place in a proxy, and cost more
than the proxying itself.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import lru_cache
from io import BytesIO
from typing import cast

import aiohttp
import httpx
from multidict import CIMultiDict
from yarl import URL

from proxy.relay.headers import Headers
from proxy.relay.link import Link, connector

MAX_HEADER_BYTES = 64 * 1024
MAX_HEADERS = 1000
PIECE_BYTES = (
    64 * 1024
)  # a client that does not read has one of these in the proxy, beside the sockets' own buffers
SMALL_BODY_BYTES = 512 * 1024  # aiohttp warns of larger ones given as bytes, and writes a file in pieces
_NO_CONTENT_TYPE = CIMultiDict[None]({"Content-Type": None})
_NOT_SENDABLE = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # control characters, RFC 9110 §5.5


class AnswerBytes(httpx.AsyncByteStream):
    """The body's bytes as the network gives them; raises httpx.ReadError when upstream breaks off."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer
        self._content = answer.content
        # None where the whole answer is there: its connection has been given back.
        self._link = (
            cast("Link | None", answer.connection.protocol) if answer.connection is not None else None
        )
        self._taker: Callable[[bytes], bool] | None = None
        self._waiter: asyncio.Future[bytes] | None = None
        if self._link is not None:
            self._link.listener = self._arrived

    def hand_to(self, taker: Callable[[bytes], bool]) -> None:
        """Give `taker` what comes while `read` waits, without waking its task: all but the last piece, until it returns False."""
        self._taker = taker

    async def read(self) -> bytes:
        """What has come so far, up to PIECE_BYTES; b"" at the end."""
        content = self._content
        try:
            while not (piece := content.read_nowait(PIECE_BYTES)) and not content.at_eof():
                if piece := await self._wait():
                    break
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise httpx.ReadError(str(error) or type(error).__name__) from error
        return piece

    async def _wait(self) -> bytes:
        """Until something came: the piece that the taker did not take, b"" where `read` has to look."""
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            return await self._waiter
        finally:
            self._waiter = None

    def _arrived(self) -> None:
        waiter, content = self._waiter, self._content
        if waiter is None or waiter.done():
            return
        if self._taker is None or content.is_eof() or content.exception():
            waiter.set_result(b"")
            return
        self._waiter = None  # reading can call this again
        try:
            while piece := content.read_nowait(PIECE_BYTES):
                if content.is_eof() or not self._taker(piece):
                    waiter.set_result(piece)
                    return
        except Exception as error:  # it belongs to the task
            waiter.set_exception(error)
            return
        self._waiter = waiter

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while chunk := await self.read():
            yield chunk

    @property
    def ended(self) -> bool:
        """Whether the last byte has been handed out."""
        return self._content.at_eof()

    def close(self) -> None:
        """Cut the connection unless the body was read to its end and the connection given back: upstream must stop at once."""
        if self._link is not None and self._link.listener == self._arrived:
            self._link.listener = None
        self._answer.close()


class _Request(aiohttp.ClientRequest):
    """Sends the headers that it is given, and of its own only those that frame the message: Host, length and connection."""

    def update_auto_headers(self, skip_auto_headers: object) -> None:
        """No User-Agent, Accept or Accept-Encoding, and no Content-Type for the body."""
        self._skip_auto_headers = _NO_CONTENT_TYPE


class UpstreamTransport(httpx.AsyncBaseTransport):
    """One pool of connections; made within the event loop that uses it."""

    def __init__(self, connect_seconds: float, idle_seconds: float) -> None:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            request_class=_Request,
            connector=connector(),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_seconds, sock_read=idle_seconds),
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
        )
        # aiohttp would send a GET, PUT or DELETE twice when its connection breaks: the client decides that, not a proxy.
        self._session._retry_connection = False

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send; raises httpx.ConnectError, ConnectTimeout, ReadTimeout or ReadError. `extensions` carries target and body."""
        body: bytes = request.extensions["body"]
        try:
            answer = await self._session.request(
                request.method,
                request.extensions["target"],
                headers=CIMultiDict((name.decode(), value.decode()) for name, value in request.headers.raw),
                data=(body if len(body) <= SMALL_BODY_BYTES else BytesIO(body)) or None,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise _translated(error, request) from error
        if not _can_be_passed_on(answer):
            answer.close()
            raise httpx.RemoteProtocolError(f"no HTTP answer (status {answer.status})", request=request)
        return httpx.Response(
            answer.status, headers=answer.raw_headers, stream=AnswerBytes(answer), request=request
        )

    async def aclose(self) -> None:
        await self._session.close()


def _can_be_passed_on(answer: aiohttp.ClientResponse) -> bool:
    """Whether the head is one that HTTP allows for a final answer."""
    values = b"".join(value for _, value in answer.raw_headers)
    return 200 <= answer.status <= 599 and not _NOT_SENDABLE.search(values)


def _translated(error: Exception, request: httpx.Request) -> httpx.TransportError:
    """httpx's name for what went wrong."""
    message = str(error) or type(error).__name__
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return httpx.ConnectTimeout(message, request=request)
    if isinstance(error, asyncio.TimeoutError):
        return httpx.ReadTimeout(message, request=request)
    if isinstance(error, aiohttp.ClientConnectorError):
        return httpx.ConnectError(message, request=request)
    return httpx.ReadError(message, request=request)


def build_request(base: str, method: str, target: str, headers: Headers, body: bytes) -> httpx.Request:
    """A request whose target stays as the client wrote it: httpx.URL would rewrite `/v1/a%2Fb/../c`."""
    return httpx.Request(
        method,
        _parsed(base),
        headers=headers,
        stream=httpx.ByteStream(body),  # given as `content`, it would have headers made for it
        extensions={"target": _exact_url(base, target), "body": body},
    )


_parsed = lru_cache(maxsize=8)(httpx.URL)


def _exact_url(base: str, target: str) -> URL:
    """A URL that is written out exactly as given; yarl alone would drop the `?` of an empty query.

    yarl hands the same object to everybody who asks for the same text, so what is put into its cache must follow from the text.
    """
    url = URL(base + target, encoded=True)
    if target.endswith("?") and target.count("?") == 1:
        url._cache["raw_path_qs"] = f"{url.raw_path}?"
    return url
