"""A request's body that is passed on as it arrives, as it is too large to wait for in memory. It can be sent once only."""

from collections.abc import Awaitable, Callable

from proxy import record
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.refusal import Refused
from proxy.relay.http.request import RelayRequest
from proxy.relay.http.request_body import LARGE_BYTES, ClientLeft
from proxy.relay.limits.messages import Refusal
from proxy.wire.body_limits import MESSAGES_BYTES, limit_of, too_large
from proxy.wire.errors import ErrorKind

# What is reserved for at once: a limit is asked for each of so many bytes, not for each chunk.
RESERVED_BYTES = 1024**2

# Reserves for the next bytes of a body; what refuses them.
Reserve = Callable[[bytes], Awaitable[Refusal | None]]


def is_passed_on(request: RelayRequest) -> bool:
    """Whether the body, which is still arriving, is passed on: a large one, or one without a length, where the API takes such."""
    if limit_of(request.target) <= MESSAGES_BYTES:
        return False
    length = request.length
    return length is None or length > LARGE_BYTES


class Upload:
    """`next` until b"". `length` is what the client announced, in bytes, if it did; `reserve` is None without limits."""

    def __init__(self, request: RelayRequest, exchange: Exchange, reserve: Reserve | None) -> None:
        self.length = request.length
        self._request = request
        self._exchange = exchange
        self._reserve = reserve
        self._limit = limit_of(request.target)
        self._size = 0
        self._ended = False
        self._unreserved: list[bytes] = []
        self._unreserved_size = 0

    async def next(self) -> bytes:
        """The bytes that have come meanwhile. Raises ClientLeft, or Refused, which has ended the exchange."""
        chunk = b""
        while not chunk and not self._ended:
            message = await self._request.receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            chunk, self._ended = message["body"], not message["more_body"]
        self._size += len(chunk)
        if self._size > self._limit:
            raise self._refused(ErrorKind.REQUEST_TOO_LARGE, too_large(self._request.target), [])
        if chunk:
            self._exchange.feed_request(chunk)
        if self._reserve:
            await self._reserve_for(chunk, self._reserve)
        return chunk

    async def _reserve_for(self, chunk: bytes, reserve: Reserve) -> None:
        self._unreserved.append(chunk)
        self._unreserved_size += len(chunk)
        if self._unreserved_size < RESERVED_BYTES and not self._ended:
            return
        data = b"".join(self._unreserved)
        self._unreserved.clear()
        self._unreserved_size = 0
        if data and (full := await reserve(data)):
            raise self._refused(full.kind, full.message, full.headers)

    def _refused(self, kind: ErrorKind, message: str, headers: list[tuple[bytes, bytes]]) -> Refused:
        exchange = self._exchange
        exchange.status = kind.status
        exchange.finish(record.REFUSED, kind.type, message)
        return Refused(kind, message, exchange.domain, headers)
