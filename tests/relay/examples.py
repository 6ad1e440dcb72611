"""Records as the relay makes them."""

from uuid_utils import uuid7

from proxy import record
from proxy.record import Closing, Head, HeaderPairs
from proxy.relay.spool.record import Entry
from proxy.relay.spool.spool import Spool


def make_head(body: bytes = b"", headers: HeaderPairs | None = None) -> Head:
    """The head of a request with this body."""
    return Head(
        id=str(uuid7()),
        started_at=1_790_000_000.25,
        domain="nexus.example",
        method="POST",
        target="/v1/messages?beta=true",
        headers=headers or [("anthropic-version", "2023-06-01")],
        paid_by="database",
        account="acc_1",
        body_size=len(body),
    )


def make_closing(response: bytes = b"", outcome: str = record.COMPLETE) -> Closing:
    """The end of an answer with this body, which came in one piece."""
    return Closing(
        outcome=outcome,
        status=200,
        headers=[("content-type", "application/json")],
        first_byte_ms=12.5,
        duration_ms=20.0,
        chunks=[(12.5, len(response))] if response else [],
        response_size=len(response),
    )


def put(spool: Spool, body: bytes = b"body", fragment: bytes = b"piece") -> Entry:
    """An exchange whose head and closing are no structs: the spool does not look into them."""
    entry = spool.open(b"head", body)
    spool.close(entry, fragment, b"closing")
    return entry
