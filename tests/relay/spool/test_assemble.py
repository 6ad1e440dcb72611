"""From what lies on disk to a record."""

import msgspec
import pytest

from proxy import record
from proxy.record import Payment
from proxy.relay.spool.assemble import NO_END, assemble
from proxy.relay.spool.record import Spooled
from tests.relay.examples import make_closing, make_head

BODY, RESPONSE = b"a request", b"an answer"


def spooled(request: bytes = BODY, response: bytes = RESPONSE, closing: bytes | None = None) -> Spooled:
    end = record.encode(make_closing(RESPONSE)) if closing is None else closing
    return Spooled(3, record.encode(make_head(BODY)), end, request, response)


def test_a_whole_record_is_put_together_as_it_was() -> None:
    found = assemble(spooled())

    assert (found.serial, found.request_body, found.response_body) == (3, BODY, RESPONSE)
    assert (found.head.body_dropped, found.closing) == (False, make_closing(RESPONSE))


def test_bodies_that_are_shorter_than_they_were_are_marked_as_dropped() -> None:
    found = assemble(spooled(request=b"", response=b"an ans"))

    assert (found.head.body_dropped, found.head.body_size) == (True, len(BODY))
    assert (found.closing.response_dropped, found.closing.response_size) == (True, len(RESPONSE))


def test_a_record_without_an_end_is_aborted_with_what_had_come() -> None:
    found = assemble(spooled(response=b"an ans", closing=b""))

    assert (found.closing.outcome, found.closing.error_message) == (record.ABORTED, NO_END)
    assert (found.closing.response_size, found.closing.response_dropped) == (6, False)


def test_who_paid_in_the_end_is_who_paid() -> None:
    end = msgspec.structs.replace(make_closing(RESPONSE), payment=Payment("database:b", "b", ("database:a",)))
    head = assemble(spooled(closing=record.encode(end))).head

    assert (head.paid_by, head.account, head.passed_over) == ("database:b", "b", ("database:a",))


@pytest.mark.parametrize("end", [b"\xc1", b"\x93\x01\x02\x03", record.encode(make_head())])
def test_what_is_no_record_is_refused(end: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        assemble(spooled(closing=end))
