"""One answer of the API as it is parsed: its head, then its body's bytes until somebody takes them.

llhttp finds the framing, by httptools, as in uvicorn on the other side. A piece of a body costs one append: a stream has thousands.
"""

import re
from typing import NamedTuple

import aiohttp
import httptools

from proxy.relay.http.headers import Headers

MAX_HEAD_BYTES = 256 * 1024
MAX_HEADERS = 1000
_FORBIDDEN = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")  # control characters, RFC 9110 §5.5
# What aiohttp and browsers take from servers that are a little out of line.
_LENIENT = {
    "lenient_headers": True,
    "lenient_optional_cr_before_lf": True,
    "lenient_spaces_after_chunk_size": True,
}


class BadResponse(aiohttp.ClientError):
    """What came is no answer in HTTP/1.1."""


class Head(NamedTuple):
    """Names and values as they came."""

    status: int
    headers: Headers


class ResponseParser:
    """`feed` it what comes and `lose` it when the connection ends; `take` the body.

    `head` is the final answer's, without 1xx before it; a 101 is none, as nobody asked for another protocol. It has `ended` with
    `error` None when it is whole. `reusable` tells whether its connection may serve another request then. `held` is about how many
    bytes wait to be taken. Where a chunk begins next (`between_chunks`, told of streams of events only), whole ones may be taken
    from the connection past it.
    """

    def __init__(self, *, bodiless: bool) -> None:
        self.head: Head | None = None
        self.ended = False
        self.error: Exception | None = None
        self.reusable = False
        self.held = 0
        self.between_chunks = False
        self._bodiless = bodiless
        self._head_bytes = 0
        self._headers: Headers = []
        self._fragments: list[bytes] = []
        self.on_body = self._fragments.append
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(**_LENIENT)

    def feed(self, data: bytes) -> None:
        """The next bytes of its connection."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(BadResponse(str(error.__context__ or error)))
        if self.head:
            self.held += len(data)
            self.between_chunks = self._ends_with_chunk(data)
            return
        self._head_bytes += len(data)
        if self._head_bytes > MAX_HEAD_BYTES:
            self.fail(BadResponse(f"its head is longer than {MAX_HEAD_BYTES} bytes"))

    def _ends_with_chunk(self, data: bytes) -> bool:
        """Whether these last bytes end with a chunk that ends with an event: its line end is not among the body's bytes."""
        fragments = self._fragments
        return data.endswith(b"\n\n\r\n") and bool(fragments) and fragments[-1].endswith(b"\n\n")

    def lose(self, why: Exception | None) -> None:
        """Its connection ended: that is the end of a body without a length, and a failure of every other one."""
        if self.head and why is None and not _is_framed(self.head.headers):
            self.ended = True
        else:
            self.fail(why or aiohttp.ServerDisconnectedError())

    def fail(self, error: Exception) -> None:
        """It does not go on; what has come of its body can still be taken."""
        self.ended, self.reusable = True, False
        self.error = self.error or error

    def take(self, most: int) -> bytes:
        """Up to so many bytes of the body that have come, b"" where there are none."""
        fragments = self._fragments
        if not fragments:
            return b""
        data = fragments[0] if len(fragments) == 1 else b"".join(fragments)
        fragments.clear()
        self.held = 0
        if len(data) > most:
            fragments.append(data[most:])
            self.held = len(data) - most
            data = data[:most]
        return data

    def end_parsing(self) -> None:
        """No more is fed. The parser and it hold each other: who gives it up spares the collector of garbage both."""
        del self._parser

    @property
    def taken(self) -> bool:
        """Whether it is whole and nothing of it is left to take."""
        return self.ended and self.error is None and not self._fragments

    # What httptools calls

    def on_message_begin(self) -> None:
        if self.ended:
            self.head = None  # what has two ends is no answer, if it all came at once
            raise BadResponse("more came than its length said")

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        headers, self._headers = (
            self._headers,
            [],
        )  # the next ones are of a trailer, or of the answer after a 1xx
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            return
        if len(headers) > MAX_HEADERS:
            raise BadResponse(f"it has more than {MAX_HEADERS} headers")
        if not 200 <= status <= 599 or _FORBIDDEN.search(b"".join([value for _, value in headers])):
            raise BadResponse(f"no HTTP answer (status {status})")
        self.head = Head(status, headers)
        self.reusable = self._parser.should_keep_alive() and not self._bodiless
        # httptools cannot be told that no body follows: the connection of such an answer is not used again.
        self.ended = self._bodiless

    def on_message_complete(self) -> None:
        if self.head:
            self.ended = True


def _is_framed(headers: Headers) -> bool:
    """Whether the end of the body is told by something else than the end of the connection."""
    framing = [
        (name, value)
        for name, value in ((name.lower(), value.lower()) for name, value in headers)
        if name == b"content-length" or (name == b"transfer-encoding" and value.endswith(b"chunked"))
    ]
    return bool(framing)
