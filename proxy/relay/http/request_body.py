"""A request's body as it comes: read whole and bounded, or dropped."""

from collections.abc import Awaitable, Callable
from io import BytesIO
from typing import Any, Protocol

from proxy.wire.body_limits import MESSAGES_BYTES

MAX_BODY_BYTES = MESSAGES_BYTES
# A client that is answered while it still sends sees a broken connection instead of the answer, so the rest is read and dropped.
MAX_DISCARDED_BYTES = 256 * 1024**2
# From here on a body has a block of memory from the system to itself, which grows without being copied.
LARGE_BYTES = 4 * 1024**2

Receive = Callable[[], Awaitable[dict[str, Any]]]


class Source(Protocol):
    """A body that is still arriving."""

    @property
    def length(self) -> int | None:
        """In bytes, where it is known."""

    async def next(self) -> bytes:
        """Its next bytes, b"" at the end; what it raises ends the request."""


class BodyTooLarge(Exception):
    """The body is larger than MAX_BODY_BYTES."""


class ClientLeft(Exception):
    """The client went before its request was complete."""


async def read_body(receive: Receive) -> bytes:
    """The whole body; raises BodyTooLarge, or ClientLeft when the client goes before its end."""
    parts: list[bytes] = []
    large = BytesIO()
    size, more = 0, True
    while more and size <= MAX_DISCARDED_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        size += len(message["body"])
        more = message["more_body"]
        if size > MAX_BODY_BYTES:
            parts.clear()
            large.close()  # nobody gets it any more
            continue
        parts.append(message["body"])
        if size > LARGE_BYTES:
            large.write(b"".join(parts))
            parts.clear()
    if size > MAX_BODY_BYTES:
        raise BodyTooLarge
    return large.getvalue() if size > LARGE_BYTES else b"".join(parts)


async def drop_body(receive: Receive) -> None:
    """Read it to its end, up to MAX_BODY_BYTES, and keep nothing; raises ClientLeft."""
    size, more = 0, True
    while more and size <= MAX_BODY_BYTES:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        size += len(message["body"])
        more = message["more_body"]
