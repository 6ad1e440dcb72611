"""The record of one exchange: with its batch all that the relay side and the store side share, apart from `wire`.

On disk and on the wire each struct is a msgpack array with its version (the tag) first: a reader refuses what it does not know.
A new field goes to the end, with a default; any other change needs a new version.
"""

import msgspec

INGEST_TASK = "proxy.ingest"
INGEST_QUEUE = "ingest"

HeaderPairs = list[tuple[str, str]]

COMPLETE = "complete"
UPSTREAM_ERROR = "upstream_error"
UPSTREAM_CUT = "upstream_cut"
CLIENT_LEFT = "client_left"
REFUSED = "refused"
ABORTED = "aborted"
OUTCOMES = (COMPLETE, UPSTREAM_ERROR, UPSTREAM_CUT, CLIENT_LEFT, REFUSED, ABORTED)


class Head(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """What is known before the request goes upstream. Headers and target are masked; times are epoch seconds.

    `tenant` is the domain whose access and limits counted, such as a wildcard, "" where that is `domain` itself.
    """

    id: str
    started_at: float
    domain: str
    method: str
    target: str
    headers: HeaderPairs
    paid_by: str
    account: str
    client_key: str = ""
    passed_over: tuple[str, ...] = ()
    client_address: str = ""
    body_size: int = 0
    body_dropped: bool = False
    tenant: str = ""


class Payment(msgspec.Struct, frozen=True, array_like=True):
    """Who paid in the end, where that was not whom the head names."""

    paid_by: str
    account: str
    passed_over: tuple[str, ...] = ()


class Closing(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """How it ended. `chunks` holds (milliseconds since the start, bytes) for each piece that the network gave.

    Of a body that is too large to be kept (`response_not_kept`, `request_not_kept`) only the size and the digest (SHA-256) are
    recorded. `request_size` is None unless the request was passed on as it arrived: the head, written before, has no size then.
    `left_organisation` is the one that served its session before, where this response came from another one.
    """

    outcome: str
    status: int
    headers: HeaderPairs
    first_byte_ms: float | None
    duration_ms: float
    chunks: list[tuple[float, int]]
    error_type: str = ""
    error_message: str = ""
    response_size: int = 0
    response_dropped: bool = False
    payment: Payment | None = None
    response_not_kept: bool = False
    response_digest: bytes = b""
    request_size: int | None = None
    request_not_kept: bool = False
    request_digest: bytes = b""
    left_organisation: str = ""


class Record(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """A whole exchange as the shipper sends it. `serial` counts from 1 at the door of one spool, without gaps."""

    serial: int
    head: Head
    closing: Closing
    request_body: bytes
    response_body: bytes


class Batch(msgspec.Struct, frozen=True, array_like=True, tag=1):
    """Records of one spool, with the spool's own count of what it accepted and dropped so far."""

    spool: str
    accepted: int
    dropped: int
    records: list[Record]
    bodies_dropped: int = 0


class Part(msgspec.Struct, frozen=True, array_like=True, tag=2):
    """A piece of a response that is too large for one message, from byte `offset` on.

    The last one brings the exchange's record, alone in a batch, whose response is not kept.
    """

    exchange: str
    offset: int
    batch: Batch | None
    data: bytes


_encoder = msgspec.msgpack.Encoder()
encode = _encoder.encode
decode_head = msgspec.msgpack.Decoder(Head).decode
decode_closing = msgspec.msgpack.Decoder(Closing).decode
decode_record = msgspec.msgpack.Decoder(Record).decode
