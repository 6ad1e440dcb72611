"""uvicorn's httptools protocol with the checks that httptools leaves out (wire-protocol.md "Malformed").

It also carries on what ASGI loses: the raw request target and a way to break a connection off without a made-up end.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from proxy.wire.errors import ErrorKind, error_body

MAX_HEAD_BYTES = 64 * 1024
TARGET = "nexus.target"
REFUSAL = "nexus.refusal"
CUT = "nexus.cut"


class Protocol(HttpToolsProtocol):
    """Refuses what no API client sends; everything else is uvicorn's."""

    _in_head = False
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        """Bound the head also while it is still arriving: httptools would take one of 64 MB."""
        super().data_received(data)
        if self._in_head:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES and not self.transport.is_closing():
                self._answer_and_close(ErrorKind.HEADERS_TOO_LARGE, _TOO_LARGE)

    def on_message_begin(self) -> None:
        """A new request on this connection."""
        super().on_message_begin()
        self._in_head = True
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        """Check the head and hand it on; a refusal is answered by the handler, as the API would."""
        self._in_head = False
        refusal = self._refusal()
        extensions: dict[str, Any] = {TARGET: self.url, CUT: self._cut}
        if refusal:
            extensions[REFUSAL] = refusal
            self.url = b"/"  # whatever it was, it is not looked at again
        self.scope["extensions"] = extensions
        super().on_headers_complete()

    def _refusal(self) -> tuple[ErrorKind, str] | None:
        size = len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)
        if size > MAX_HEAD_BYTES:
            return ErrorKind.HEADERS_TOO_LARGE, _TOO_LARGE
        if sum(name == b"host" for name, _ in self.headers) != 1:
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
        if not self.url.isascii():
            return (
                ErrorKind.INVALID_REQUEST,
                "The request target holds bytes outside ASCII; percent-encode them.",
            )
        return None

    def _cut(self) -> None:
        """End the connection in the middle, as upstream did."""
        self.cycle.disconnected = True
        self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """uvicorn's answer to what is no HTTP, in the API's shape."""
        self._answer_and_close(ErrorKind.INVALID_REQUEST, "This is not a valid HTTP/1.1 request.")

    def _answer_and_close(self, kind: ErrorKind, message: str) -> None:
        body = error_body(kind, message, "")
        head = (
            f"HTTP/1.1 {kind.status} \r\ncontent-type: application/json\r\n"
            f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(head.encode() + body)
        self.transport.close()


_TOO_LARGE = "The request's headers are larger than the 64 KiB that Nexus takes; send fewer or shorter ones."
