import random
from collections.abc import Callable
from datetime import date
from uuid import UUID

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import given
from hypothesis import strategies as st

from proxy.store.bodies import blobs
from proxy.store.bodies.blobs import BodyMissingError, ChunkWriter, body_of, decode_chunks, encode_chunks
from proxy.store.ingest import batch as ingest
from proxy.store.models import Blob, ExchangeBody
from tests.roles import as_owner
from tests.store.records import ask, make_batch, make_closing, make_head, make_record, uuid7

pytestmark = pytest.mark.django_db

EVERY_BYTE = bytes(range(256))


def fail(body: bytes) -> list[bytes]:
    raise IndexError


@pytest.mark.parametrize("cut", [fail, lambda body: [body[1:]]], ids=["raises", "loses a byte"])
def test_whatever_the_cutter_does_the_body_is_kept(
    monkeypatch: pytest.MonkeyPatch, cut: Callable[[bytes], list[bytes]]
) -> None:
    monkeypatch.setattr(blobs, "chunks_of_body", cut)
    record = make_record()

    ingest.ingest(make_batch(record))

    assert body_of(UUID(record.head.id), "request") == ask()


@pytest.mark.parametrize(
    "body",
    [b"", b"\x00", EVERY_BYTE * 1000, b'{"a":"\\ud800"}', random.Random(1).randbytes(200_000)],
    ids=["empty", "nul", "every byte", "surrogate", "random"],
)
def test_bodies_come_back_byte_exact(body: bytes) -> None:
    record = make_record(body, body[::-1])

    ingest.ingest(make_batch(record))

    exchange = UUID(record.head.id)
    assert (body_of(exchange, "request"), body_of(exchange, "response")) == (body, body[::-1])


def test_a_body_of_32_mib_comes_back_byte_exact() -> None:
    body = random.Random(2).randbytes(32 * 1024**2)
    record = make_record(body)

    ingest.ingest(make_batch(record))

    assert body_of(UUID(record.head.id), "request") == body


def test_equal_bodies_of_a_month_are_kept_once() -> None:
    ingest.ingest(make_batch(make_record(), make_record()))
    ingest.ingest(make_batch(make_record()))

    assert Blob.objects.count() == 2


def test_a_body_is_kept_compressed() -> None:
    ingest.ingest(make_batch(make_record(b"again " * 1000, b"")))

    blob = Blob.objects.get()
    assert len(blob.data) < blob.size / 20


def test_a_body_of_an_exchange_that_was_never_stored_is_missing() -> None:
    with pytest.raises(BodyMissingError, match="expired, or storage was off"):
        body_of(uuid7(), "request")


@pytest.mark.parametrize("which", ["request", "response"])
def test_a_dropped_body_is_missing_and_its_size_is_known(which: str) -> None:
    record = make_record(
        b"", b"",
        head=make_head(body_dropped=which == "request", body_size=9),
        closing=make_closing(response_dropped=which == "response", response_size=9),
    )  # fmt: skip
    ingest.ingest(make_batch(record))

    with pytest.raises(BodyMissingError, match=f"{which} body .* was dropped"):
        body_of(UUID(record.head.id), which)  # type: ignore[arg-type]  # parametrize knows no literals


DAMAGES = ["DELETE FROM proxy_blob", "UPDATE proxy_blob SET data = 'x'", "UPDATE proxy_blob SET data = %s"]


@pytest.mark.parametrize("damage", DAMAGES, ids=["gone", "no zstd", "another piece"])
def test_a_damaged_body_is_never_given_out(damage: str) -> None:
    record = make_record(b"a" * 99, b"")
    ingest.ingest(make_batch(record))
    ingest.ingest(make_batch(make_record(b"b" * 99, b"")))
    other = Blob.objects.exclude(digest=ExchangeBody.objects.get(pk=record.head.id).request_manifest).get()
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(damage, [bytes(other.data)] if "%s" in damage else None)

    with pytest.raises(BodyMissingError, match="missing or damaged"):
        body_of(UUID(record.head.id), "request")


def test_a_manifest_that_names_other_pieces_is_never_believed() -> None:
    record = make_record(b"a" * 99, b"b" * 99)
    ingest.ingest(make_batch(record))
    ExchangeBody.objects.update(request_manifest=F("response_manifest"))

    with pytest.raises(BodyMissingError, match=r"request body .* is damaged"):
        body_of(UUID(record.head.id), "request")


def test_pieces_that_are_known_are_not_sent_again(django_assert_num_queries: object) -> None:
    ingest.ingest(make_batch(make_record(b"body", b"")))
    writer = ChunkWriter()
    writer.add(date(2026, 11, 1), [b"body"])

    with django_assert_num_queries(1):  # type: ignore[operator]  # a fixture
        writer.store()


@given(chunks=st.lists(st.tuples(st.floats(allow_nan=False), st.integers(0, 2**40))))
def test_a_timeline_survives_its_codec(chunks: list[tuple[float, int]]) -> None:
    assert decode_chunks(encode_chunks(chunks)) == chunks
