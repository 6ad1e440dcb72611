"""From what lies on disk to a record: what is missing is named, never guessed, and what is not to be kept is not read."""

from collections.abc import Collection

import msgspec
from msgspec.structs import replace

from proxy import record
from proxy.record import Closing, Head, Record
from proxy.relay.spool.bounds import WHOLE_BYTES
from proxy.relay.spool.record import Read, Spooled
from proxy.relay.spool.segments import REQUEST, RESPONSE, StoredFile
from proxy.relay.spool.spool import Spool

NO_END = "Its end was never recorded: the proxy process was killed while it ran, or the disk lost it."


def assemble(found: Spooled) -> Record:
    """The record; bodies that are shorter than they were are marked as dropped. Raises msgspec.DecodeError."""
    head = record.decode_head(found.head)
    closing = record.decode_closing(found.closing) if found.closing else _aborted(found)
    if paid := closing.payment:
        head = replace(head, paid_by=paid.paid_by, account=paid.account, passed_over=paid.passed_over)
    head, request = _request(head, closing, found)
    if closing.response_not_kept:
        return Record(found.serial, head, closing, request, b"")
    if len(found.response_body) < closing.response_size:
        closing = replace(closing, response_dropped=True)
    return Record(found.serial, head, closing, request, found.response_body)


def _request(head: Head, closing: Closing, found: Spooled) -> tuple[Head, bytes]:
    """The head with what is known of the body at its end, and the body."""
    body = found.request_body
    if closing.request_size is not None:
        head = replace(head, body_size=closing.request_size)
    elif not head.body_size:  # it may have been passed on, and its end was not recorded
        head = replace(head, body_size=len(body))
    if closing.request_not_kept:
        return head, b""
    return replace(head, body_dropped=True) if len(body) < head.body_size else head, body


def read_record(spool: Spool, serial: int, read: Read = StoredFile.read) -> Record | None:
    """The record of a taken serial; None when it cannot be read (the spool has then counted it and set it aside).

    A long body is looked at only if it is to be kept.
    """
    long = {kind for kind in (REQUEST, RESPONSE) if is_long(spool, serial, kind)}
    if long:
        outline = _read(spool, serial, read, long)
        if outline is None:
            return None
        closing = outline.closing
        kept = {REQUEST: not closing.request_not_kept, RESPONSE: not closing.response_not_kept}
        unwanted = {kind for kind in long if not kept[kind]}
        return outline if unwanted == long else _read(spool, serial, read, unwanted)
    return _read(spool, serial, read, ())


def is_long(spool: Spool, serial: int, kind: int = RESPONSE) -> bool:
    """Whether a body of a taken serial is better not read as a whole."""
    return sum(frame.length for _, frame in spool.body(serial, kind)) > WHOLE_BYTES


def read_outline(spool: Spool, serial: int, read: Read = StoredFile.read) -> Record | None:
    """The same without a look at its response, which is said to be dropped where it is to be kept."""
    return _read(spool, serial, read, {RESPONSE})


def _read(spool: Spool, serial: int, read: Read, without: Collection[int]) -> Record | None:
    found = spool.read(serial, read, without)
    try:
        made = assemble(found) if found else None
    except msgspec.DecodeError as error:
        spool.reject(serial, f"it cannot be decoded ({error})")
        return None
    if made and (
        (REQUEST not in without and made.head.body_dropped)
        or (RESPONSE not in without and made.closing.response_dropped)
    ):
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
