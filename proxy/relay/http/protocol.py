"""uvicorn's httptools protocol with the checks that httptools leaves out (docs/wire-protocol.md#malformed-requests).

It also carries on what ASGI loses: the raw request target, a way to break a connection off without a made-up end, word of a
client that goes without a task that waits for it, and a way to write a piece of an answer without waking the task.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from proxy.relay.http.client_allowance import Allowance
from proxy.relay.http.client_limits import Phase, Reason
from proxy.relay.http.framing import close_delimited
from proxy.relay.http.headers import Headers
from proxy.relay.http.responses import RawResponse, error_response
from proxy.relay.http.write_batcher import WriteBatcher
from proxy.wire.errors import ErrorKind

log = logging.getLogger("nexus.relay")

MAX_HEAD_BYTES = 64 * 1024
# A body up to here is handed on as one: uvicorn wakes the request's task for each piece of it, and copies that twice.
TOGETHER_BYTES = 256 * 1024
# After a last response a client that still sends would see a reset instead of it: what comes is dropped, up to these bounds.
DROPPED_BYTES = 32 * 1024**2
# Behind a broken request there is little to wait for.
BROKEN_SECONDS = 1.0
# A client that is refused while it sends reads no response before it has sent all, or sees that it cannot.
EARLY_SECONDS = 5.0
TARGET = "nexus.target"
REFUSAL = "nexus.refusal"
CUT = "nexus.cut"
ON_LEAVE = "nexus.on_leave"
WRITE = "nexus.write"
ARRIVING = "nexus.arriving"
KNOWN = "nexus.known"
RESPOND_EARLY = "nexus.respond_early"
LINGER = "nexus.linger"
TAKE_FRAGMENTS = "nexus.take_fragments"


class _TooLong(Exception):
    """A request's head and trailers have more than MAX_HEAD_BYTES."""


class Protocol(HttpToolsProtocol):
    """Refuses what no API client sends; everything else is uvicorn's.

    uvicorn's `cycle` is the newest request; with pipelined ones another may be running, which is the one to break off.
    """

    _in_head = False
    _under_way = False  # a message has begun that is not whole yet
    _head_bytes = 0  # of its head and its trailers, as far as they are complete
    _open_bytes = 0  # of a line under way: a header, a trailer or a chunk's size with its extensions
    _unread = 0  # bytes of this read that such a line may have
    _declining = False
    _body: list[bytes] | None = None  # None once it was handed on
    _body_bytes = 0
    _running: RequestResponseCycle | None = None
    _on_leave: Callable[[], None] | None = None
    _droppable: int | None = None  # bytes that are still read and dropped; None while what comes is parsed
    _end: asyncio.TimerHandle | None = None  # of a connection that had its last response
    _lingers = False  # the response under way is the last one

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client connected."""
        super().connection_made(transport)
        self._batcher = WriteBatcher.of(self.loop)
        self._allowance = Allowance(self.loop, self, self.client)
        if reason := self._allowance.open():
            self._refuse(reason)

    def data_received(self, data: bytes) -> None:
        """Bound the lines also while they are still arriving: httptools would take a header of 64 MB, and a trailer too."""
        self._unset_keepalive_if_required()
        if self._droppable is not None:
            self._drop(len(data))
            return
        self._unread = len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._refuse(self._reason_of(error))
            return
        except httptools.HttpParserUpgrade as offer:
            if self._declining:
                self._decline(data[offer.args[0] :])
                return
        if self._under_way:
            self._bound()
        elif self._running is None or self._running.response_complete:
            self._allowance.wait_for(Phase.REQUEST, 0)

    def _bound(self) -> None:
        """What has come of a message that is not whole yet takes neither much memory nor long."""
        reason = self._too_large() or self._allowance.hold(self._body_bytes)
        if reason:
            self._refuse(reason)
        else:
            self._allowance.wait_for(Phase.HEAD if self._in_head else Phase.BODY, self._body_bytes)

    def _too_large(self) -> Reason | None:
        try:
            self._drop_trailers()
        except _TooLong:
            return Reason.HEAD_TOO_LARGE
        self._open_bytes += self._unread
        over = self._head_bytes + self._open_bytes > MAX_HEAD_BYTES
        return Reason.HEAD_TOO_LARGE if over else None

    def time_is_up(self) -> None:
        """What was awaited from the client has not come, it seems."""
        reason = self._allowance.overdue(self._body_bytes, read=not self.flow.read_paused)
        if reason:
            self._refuse(reason)

    def _reason_of(self, error: httptools.HttpParserError) -> Reason:
        """Why what came cannot be read."""
        if isinstance(error.__context__, _TooLong):
            return Reason.HEAD_TOO_LARGE
        # How HTTP/2 begins, of a client that does not ask first (RFC 9113 §3.4).
        if self.parser.get_method() != b"PRI":
            return Reason.BROKEN
        log.warning("relay.wrong_protocol", extra={"client": self.client[0] if self.client else ""})
        return Reason.WRONG_PROTOCOL

    def _decline(self, rest: bytes) -> None:
        """Read on as if no upgrade had been offered: httptools takes the request's body for the other protocol's bytes."""
        self._declining = False
        line = f"{self.parser.get_method().decode()} {{}} HTTP/{self.parser.get_http_version()}\r\n".encode()
        kept = [name + b": " + value + b"\r\n" for name, value in self.headers if name != b"upgrade"]
        self.parser = httptools.HttpRequestParser(self)
        self.data_received(b"".join([line.replace(b"{}", self.url, 1), *kept, b"\r\n", rest]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the running request as well."""
        if self._running and not self._running.response_complete:
            self._abandon(self._running)
        if self._end:
            self._end.cancel()
        self._allowance.close()
        super().connection_lost(exc)

    def _abandon(self, cycle: RequestResponseCycle) -> None:
        """The running request can have no response any more: whoever works for it is notified."""
        cycle.disconnected = True
        cycle.message_event.set()
        if self._on_leave:
            self._on_leave()
            self._on_leave = None

    def on_message_begin(self) -> None:
        """A new request on this connection."""
        super().on_message_begin()
        self._in_head = self._under_way = True
        self._head_bytes = self._open_bytes = self._body_bytes = 0
        self._body = []

    def on_headers_complete(self) -> None:
        """Check the head and hand it on; a refusal is answered by the handler, as the API would."""
        self._in_head = False
        size = _size(self.headers)
        self._open_bytes = self._unread = 0
        self._declining = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._declining:
            return
        self._head_bytes = len(self.url) + size
        refusal = self._refusal(self._head_bytes)
        extensions: dict[str, Any] = {
            TARGET: self.url,
            CUT: self._cut,
            ON_LEAVE: self._notify_leave,
            WRITE: self._write,
            ARRIVING: self._is_arriving,
            KNOWN: self._allowance.know,
            RESPOND_EARLY: self._respond_early,
            LINGER: self._linger,
            TAKE_FRAGMENTS: self._take_fragments,
        }
        if refusal:
            extensions[REFUSAL] = refusal
            self.url = b"/"  # whatever it was, it is not looked at again
        self.scope["extensions"] = extensions
        super().on_headers_complete()
        # What the parser calls a header from here on is a trailer, and must not get into the scope's list.
        self.headers = []

    def on_chunk_header(self) -> None:
        """The line with a chunk's size is whole."""
        self._open_bytes = self._unread = 0

    def on_body(self, body: bytes) -> None:
        """A piece of the request's body."""
        self._open_bytes = self._unread = 0
        self._body_bytes += len(body)
        if self._body is None:
            super().on_body(body)
            return
        self._body.append(body)
        if self._body_bytes > TOGETHER_BYTES:
            self._hand_on(self._body)
            super().on_body(b"")  # reads no more until that is taken: others have their turns

    def on_message_complete(self) -> None:
        """The request is whole, unless its body is still to be read (`_decline`). Raises _TooLong.

        uvicorn would not read on until the answer is out, where the body's last piece was large: a client that leaves a silent
        answer would not be noticed.
        """
        if not self._declining:
            self._drop_trailers()
            self._under_way = False
            self._unread = 0
            self._allowance.whole()
            if self._body:
                self._hand_on(self._body)
            super().on_message_complete()
            if not self.pipeline:
                self.flow.resume_reading()

    def _drop_trailers(self) -> None:
        """Forget those that have come, but their size. Raises _TooLong.

        A trailer is no header: whoever may add one after the body must not choose host, address or key (RFC 9110 §6.5.1).
        """
        if self._in_head or not self.headers:
            return
        size = _size(self.headers)
        self.headers = []
        self._head_bytes += size
        self._open_bytes, self._unread = 0, max(0, self._unread - size)
        if self._head_bytes > MAX_HEAD_BYTES:
            raise _TooLong
        if (
            not self.parser.should_keep_alive()
        ):  # the parser heeds a trailing `connection: close` and reads no further request
            self.cycle.keep_alive = False

    def _take_fragments(self) -> None:
        """The running request's body, which is still arriving, is taken piece by piece: none of it is held."""
        self._allowance.know()
        if self._body is not None:
            self._hand_on(self._body)

    def _hand_on(self, fragments: list[bytes]) -> None:
        """Give what has come of the body to the request that it belongs to, the newest, unless that was answered already."""
        self._body = None
        if not self.cycle.response_complete:
            self.cycle.body = b"".join(fragments)  # type: ignore[assignment]  # it is only read, and added to by `on_body`
            self.cycle.message_event.set()

    def _notify_leave(self, listener: Callable[[], None]) -> None:
        """Whom to tell at once when the client of the running request goes before it has its answer."""
        self._on_leave = listener

    def on_response_complete(self) -> None:
        """The answer is out: let go of the listener, which holds the request's body."""
        self._on_leave = None
        self._allowance.end_request()
        if self._lingers and not self.transport.is_closing():
            self._droppable = DROPPED_BYTES
            self._end_last(EARLY_SECONDS)
        else:
            super().on_response_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._running = cycle
        self._on_leave = None
        if reason := self._allowance.begin_request(cast(Headers, cycle.scope["headers"])):
            self._allowance.limits.count(self.loop, reason)
            cast(dict[str, Any], cycle.scope["extensions"])[REFUSAL] = reason.value
        if cycle.scope["http_version"] == "1.0":
            app = close_delimited(app, cycle)
        super()._start_asgi_task(cycle, app)

    def _refusal(self, head_bytes: int) -> tuple[ErrorKind, str] | None:
        if head_bytes > MAX_HEAD_BYTES:
            return Reason.HEAD_TOO_LARGE.value
        if [name for name, _ in self.headers].count(b"host") != 1:
            return (
                ErrorKind.INVALID_REQUEST,
                "Nexus needs exactly one Host header: it names the domain that pays.",
            )
        if not self.url.startswith(b"/") and self.url != b"*":
            return (
                ErrorKind.INVALID_REQUEST,
                "Nexus takes a path such as /v1/messages as the target, not a whole address.",
            )
        if b"#" in self.url:
            return (
                ErrorKind.INVALID_REQUEST,
                "A request target has no fragment (RFC 9112 §3.2); percent-encode the # as %23.",
            )
        return None

    def _cut(self) -> None:
        """End the connection in the middle, as upstream did."""
        cycle = cast(RequestResponseCycle, self._running)  # only what runs can be cut
        cycle.disconnected = True
        self.transport.close()

    def _write(self, chunk: bytes) -> bool:
        """Write the next chunk of a running chunked answer; False where its bytes have to go through ASGI's `send`."""
        cycle = self._running
        if (
            cycle is None
            or not cycle.chunked_encoding
            or self.flow.write_paused
            or cycle.disconnected
            or cycle.response_complete
        ):
            return False
        self._batcher.put(self.loop, self.transport, chunk)
        return True

    def _is_arriving(self) -> bool:
        """Whether the body of the running request has not come to its end yet."""
        return cast(RequestResponseCycle, self._running).more_body

    def _refuse(self, reason: Reason) -> None:
        """Refuse what is not read any further; behind a request that is being answered, only end the connection after it."""
        if self.transport.is_closing() or self._droppable is not None:
            return
        self._allowance.limits.count(self.loop, reason)
        self._droppable = DROPPED_BYTES
        self._allowance.let_go()
        running = self._running
        if running and not running.response_complete:
            if running is not self.cycle or not running.more_body:
                # A response is under way, and nothing may get into it. Reading goes on: its client may leave.
                running.keep_alive = False
                self.pipeline.clear()
                self.flow.resume_reading()
                return
            self._abandon(running)
            running.response_complete = True
        if reason is Reason.SILENT or self._allowance.limits.is_overrun:
            self.transport.abort()
        else:
            self._respond_last(error_response(reason.kind, reason.message, ""), BROKEN_SECONDS)

    def _respond_early(self, response: RawResponse) -> None:
        """Answer the running request, whose body is still arriving and that nobody wants."""
        cycle = cast(RequestResponseCycle, self._running)
        if cycle.disconnected:
            return
        cycle.disconnected = cycle.response_complete = True
        self._on_leave = None
        self._droppable = DROPPED_BYTES
        self._allowance.let_go()
        if cycle.scope["method"] == "HEAD":
            response.content = b""
        self._respond_last(response, EARLY_SECONDS)

    def _respond_last(self, response: RawResponse, seconds: float) -> None:
        """Write a response that nothing follows, and close once the client has, or after so many seconds."""
        lines = [b"HTTP/1.1 %d " % response.status_code, b"connection: close"]
        lines += [name + b": " + value for name, value in response.pairs if name != b"connection"]
        self.transport.write(b"\r\n".join([*lines, b"", response.content]))
        self._end_last(seconds)

    def _linger(self) -> None:
        """The running request, whose body is still arriving, is answered by a stream: its connection serves no other one.

        It is not closed with the stream, as a client that still sends would see a reset: what comes is dropped.
        """
        cast(RequestResponseCycle, self._running).keep_alive = True
        self._lingers = True

    def _end_last(self, seconds: float) -> None:
        self.transport.write_eof()
        self.flow.resume_reading()
        self._end = self.loop.call_later(seconds, self.transport.abort)

    def _drop(self, size: int) -> None:
        """Something came that nobody wants."""
        self._droppable = cast(int, self._droppable) - size
        if self._droppable < 0:
            self.transport.abort()


def _size(headers: Headers) -> int:
    """Bytes that they took on the wire."""
    return sum([len(name) + len(value) + 4 for name, value in headers])
