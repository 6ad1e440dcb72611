"""From what lies on disk to a record: what is missing is named, never guessed."""

from msgspec.structs import replace

from proxy import record
from proxy.record import Closing, Record
from proxy.relay.spool import Spooled

NO_END = "Its end was never recorded: the proxy process was killed while it ran, or the disk lost it."


def assemble(found: Spooled) -> Record:
    """The record; bodies that are shorter than they were are marked as dropped. Raises msgspec.DecodeError."""
    head = record.decode_head(found.head)
    closing = record.decode_closing(found.closing) if found.closing else _aborted(found)
    if len(found.request_body) < head.body_size:
        head = replace(head, body_dropped=True)
    if len(found.response_body) < closing.response_size:
        closing = replace(closing, response_dropped=True)
    return Record(found.serial, head, closing, found.request_body, found.response_body)


def _aborted(found: Spooled) -> Closing:
    return Closing(
        outcome=record.ABORTED,
        status=0,
        headers=[],
        first_byte_ms=None,
        duration_ms=0,
        chunks=[],
        error_message=NO_END,
        response_size=len(found.response_body),
    )
