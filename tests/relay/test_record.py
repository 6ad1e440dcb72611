"""The record's form on disk and on the wire."""

import msgspec
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from proxy import batch as batch_module
from proxy import record
from proxy.batch import BatchWriter, decode, decode_batch, encode_batch, encode_part, new_compressor
from proxy.record import OUTCOMES, Batch, Closing, Head, Part, Payment, Record
from tests.relay.examples import make_closing, make_head

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
    left_organisation=text,
)
batches = st.builds(
    Batch,
    accepted=numbers,
    dropped=numbers,
    records=st.lists(st.builds(Record, serial=numbers, head=heads, closing=closings), max_size=3),
)


def make_record(serial: int, body: bytes) -> Record:
    return Record(serial, make_head(body), make_closing(b"answer"), body, b"answer")


@given(batch=batches)
def test_a_batch_comes_back_as_it_was_sent(batch: Batch) -> None:
    assert decode_batch(encode_batch(batch)) == batch


@given(batch=batches)
def test_a_batch_of_before_it_was_written_record_by_record_can_still_be_read(batch: Batch) -> None:
    assert decode_batch(zstandard.compress(record.encode(batch))) == batch


@given(batch=batches)
def test_a_batch_is_the_msgpack_of_its_struct(batch: Batch) -> None:
    reader = zstandard.ZstdDecompressor().stream_reader(encode_batch(batch), read_across_frames=True)

    assert msgspec.msgpack.decode(reader.readall()) == msgspec.msgpack.decode(record.encode(batch))


def test_a_compressor_makes_one_batch_after_another_also_where_one_was_left_half_made() -> None:
    compressor = new_compressor()
    for count in (1, 0, 2):
        BatchWriter(compressor).add(make_record(9, b"left"))
        writer = BatchWriter(compressor)
        made = [make_record(serial, bytes(300_000)) for serial in range(count)]
        for item in made:
            writer.add(item)

        assert decode_batch(writer.finish("a-spool", 5, 3, 2)) == Batch("a-spool", 5, 3, made, 2)


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
    known = 1 + Closing.__struct_fields__.index("payment")  # the version comes first
    older = msgspec.msgpack.decode(record.encode(closing))[:known]

    read = record.decode_closing(msgspec.msgpack.encode(older))
    assert (read.outcome, read.response_size) == (closing.outcome, closing.response_size)
    assert (read.payment, read.response_not_kept, read.request_size) == (None, False, None)


@given(closing=closings)
def test_an_end_is_read_by_who_does_not_know_its_last_fields(closing: Closing) -> None:
    plain = msgspec.msgpack.decode(record.encode(closing))

    assert record.decode_closing(msgspec.msgpack.encode([*plain, "of a newer Nexus"])) == closing


@given(offset=numbers, data=st.binary(), batch=st.none() | batches)
def test_a_part_comes_back_as_it_was_sent(offset: int, data: bytes, batch: Batch | None) -> None:
    part = Part("0193a000-0000-7000-8000-000000000001", offset, batch, data)

    assert decode(encode_part(part, new_compressor())) == part


@given(batch=batches)
def test_a_batch_is_told_from_a_part(batch: Batch) -> None:
    assert decode(encode_batch(batch)) == batch


def test_a_worker_that_knows_no_parts_refuses_one_instead_of_losing_it() -> None:
    part = Part("0193a000-0000-7000-8000-000000000001", 0, None, b"lines")

    with pytest.raises(msgspec.DecodeError):
        decode_batch(encode_part(part, new_compressor()))


def test_what_is_no_batch_is_refused() -> None:
    whole = encode_batch(Batch("a-spool", 1, 0, [make_record(1, b"body")]))
    for bad in (b"no zstd", whole + b"more"):
        with pytest.raises(zstandard.ZstdError):
            decode_batch(bad)
    for bad in (zstandard.compress(b"\xc1 no msgpack"), whole[:-1], b"", whole + whole):
        with pytest.raises(msgspec.DecodeError):
            decode_batch(bad)


def test_a_payload_that_grows_beyond_measure_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "MAX_BATCH_BYTES", 8 * 1024**2)
    with pytest.raises(msgspec.DecodeError):
        decode_batch(encode_batch(Batch("a-spool", 1, 0, [make_record(1, bytes(9 * 1024**2))])))
