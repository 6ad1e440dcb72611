"""The record's form on disk and on the wire."""

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy import record
from proxy.record import OUTCOMES, Batch, Closing, Head, Payment, Record

text = st.text(max_size=30)
pairs = st.lists(st.tuples(text, text), max_size=4)
numbers = st.integers(0, 2**62)
moments = st.floats(0, 4e9)
heads = st.builds(
    Head,
    headers=pairs,
    started_at=moments,
    body_size=numbers,
    passed_over=st.lists(text, max_size=3).map(tuple),
)
closings = st.builds(
    Closing,
    outcome=st.sampled_from(OUTCOMES),
    status=st.integers(0, 999),
    headers=pairs,
    first_byte_ms=st.none() | moments,
    duration_ms=moments,
    chunks=st.lists(st.tuples(moments, numbers), max_size=5),
    response_size=numbers,
    payment=st.none() | st.builds(Payment, paid_by=text, account=text),
)
batches = st.builds(
    Batch,
    accepted=numbers,
    dropped=numbers,
    records=st.lists(st.builds(Record, serial=numbers, head=heads, closing=closings), max_size=3),
)


@given(batch=batches)
def test_a_batch_comes_back_as_it_was_sent(batch: Batch) -> None:
    assert record.decode_batch(record.encode_batch(batch)) == batch


@given(head=heads, closing=closings)
def test_head_and_closing_come_back_as_they_were_spooled(head: Head, closing: Closing) -> None:
    assert record.decode_head(record.encode(head)) == head
    assert record.decode_closing(record.encode(closing)) == closing


@given(head=heads)
def test_the_version_comes_first_and_another_one_is_refused(head: Head) -> None:
    plain = msgspec.msgpack.decode(record.encode(head))

    assert plain[0] == 1
    with pytest.raises(msgspec.DecodeError):
        record.decode_head(msgspec.msgpack.encode([2, *plain[1:]]))


@given(head=heads)
def test_a_record_of_before_a_field_was_added_can_still_be_read(head: Head) -> None:
    older = msgspec.msgpack.decode(record.encode(head))[:-1]

    assert record.decode_head(msgspec.msgpack.encode(older)) == msgspec.structs.replace(
        head, body_dropped=False
    )


@given(closing=closings)
def test_an_end_of_before_payments_were_added_can_still_be_read(closing: Closing) -> None:
    older = msgspec.msgpack.decode(record.encode(closing))[:-1]

    assert record.decode_closing(msgspec.msgpack.encode(older)) == msgspec.structs.replace(
        closing, payment=None
    )


def test_what_is_no_batch_is_refused() -> None:
    with pytest.raises(zstandard.ZstdError):
        record.decode_batch(b"no zstd")
    with pytest.raises(msgspec.DecodeError):
        record.decode_batch(zstandard.compress(b"\xc1 no msgpack"))
