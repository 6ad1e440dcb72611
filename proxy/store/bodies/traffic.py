"""What went over the wire in one exchange, wherever it comes from: a record of the proxy, an export, the tables."""

from dataclasses import dataclass

from proxy.record import HeaderPairs, Record
from proxy.store.bodies.blobs import Chunks
from proxy.store.models import Exchange


@dataclass(frozen=True, slots=True)
class Side:
    """A request or an answer. `body` is None where it is not at hand; `digest`, its SHA-256, is b"" where nobody reported it.

    `not_kept` says that it was too large for that, `damaged` that it or its headers should be in the tables and cannot be read.
    """

    headers: HeaderPairs
    body: bytes | None
    digest: bytes = b""
    dropped: bool = False
    not_kept: bool = False
    damaged: bool = False


@dataclass(frozen=True, slots=True)
class Traffic:
    """Both sides, and (milliseconds since the start, bytes) for each piece of the answer that the network gave."""

    request: Side
    response: Side
    chunks: Chunks


@dataclass(frozen=True, slots=True)
class Whole:
    """An exchange with its traffic; None where that expired, or was never kept."""

    exchange: Exchange
    traffic: Traffic | None


def traffic_of(record: Record) -> Traffic:
    """That of a record, which has both bodies unless the proxy had no room for them, or the response is too large."""
    head, closing = record.head, record.closing
    if closing.response_not_kept:
        response = Side(closing.headers, None, closing.response_digest, not_kept=True)
    else:
        response = Side(closing.headers, record.response_body, dropped=closing.response_dropped)
    if closing.request_not_kept:
        request = Side(head.headers, None, closing.request_digest, not_kept=True)
    else:
        request = Side(head.headers, record.request_body, dropped=head.body_dropped)
    return Traffic(request, response, closing.chunks)
