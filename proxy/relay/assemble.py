"""From what lies on disk to a record: what is missing is named, never guessed, and what is not to be kept is not read."""

import msgspec
from msgspec.structs import replace

from proxy import record
from proxy.record import Closing, Record
from proxy.relay.bounds import WHOLE_BYTES
from proxy.relay.segments import StoredFile
from proxy.relay.spool import Spool
from proxy.relay.spooled import Read, Spooled

NO_END = "Its end was never recorded: the proxy process was killed while it ran, or the disk lost it."


def assemble(found: Spooled) -> Record:
    """The record; bodies that are shorter than they were are marked as dropped. Raises msgspec.DecodeError."""
    head = record.decode_head(found.head)
    closing = record.decode_closing(found.closing) if found.closing else _aborted(found)
    if paid := closing.payment:
        head = replace(head, paid_by=paid.paid_by, account=paid.account, passed_over=paid.passed_over)
    if len(found.request_body) < head.body_size:
        head = replace(head, body_dropped=True)
    if closing.response_not_kept:
        return Record(found.serial, head, closing, found.request_body, b"")
    if len(found.response_body) < closing.response_size:
        closing = replace(closing, response_dropped=True)
    return Record(found.serial, head, closing, found.request_body, found.response_body)


def read_record(spool: Spool, serial: int, read: Read = StoredFile.read) -> Record | None:
    """The record of a taken serial; None when it cannot be read (the spool has then counted it and set it aside)."""
    if is_long(spool, serial):
        outline = read_outline(spool, serial, read)
        if outline is None or outline.closing.response_not_kept:
            return outline
    return _read(spool, serial, read, response=True)


def is_long(spool: Spool, serial: int) -> bool:
    """Whether the response of a taken serial is better not read as a whole."""
    return sum(frame.length for _, frame in spool.response(serial)) > WHOLE_BYTES


def read_outline(spool: Spool, serial: int, read: Read = StoredFile.read) -> Record | None:
    """The same without a look at its response, which is said to be dropped where it is to be kept."""
    return _read(spool, serial, read, response=False)


def _read(spool: Spool, serial: int, read: Read, *, response: bool) -> Record | None:
    found = spool.read(serial, read, response=response)
    try:
        made = assemble(found) if found else None
    except msgspec.DecodeError as error:
        spool.reject(serial, f"it cannot be decoded ({error})")
        return None
    if made and (made.head.body_dropped or (response and made.closing.response_dropped)):
        spool.lack_body(serial)
    return made


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
