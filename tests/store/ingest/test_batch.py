from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest
from django.db import OperationalError, ProgrammingError, connection, transaction
from pytest_django import Settings

from proxy.record import Record
from proxy.store.bodies.blobs import body_of, decode_chunks
from proxy.store.bodies.headers import headers_of
from proxy.store.ingest import batch as ingest
from proxy.store.ingest import facts, storing
from proxy.store.models import Blob, DeadLetter, DomainTotal, Exchange, ExchangeBody, Receipt, Rollup, Spool
from proxy.store.postgres import columns
from proxy.store.pricing import book as prices_of_store
from tests.roles import as_owner
from tests.store.records import ask, make_batch, make_closing, make_head, make_record, say, uuid7

pytestmark = pytest.mark.django_db


def test_a_record_becomes_one_row_with_all_that_it_says(prices: None) -> None:
    record = make_record()

    assert ingest.ingest(make_batch(record)) == 1

    row = Exchange.objects.get()
    assert (str(row.id), row.domain, row.model) == (record.head.id, "a.example", "claude-sonnet-4-5")
    assert (row.path, row.query, row.request_type) == ("/v1/messages", "beta=true", "query_evaluation")
    assert (row.input_tokens, row.output_tokens, row.cache_read_tokens) == (10, 5, 0)
    assert (row.cost_usd, row.cost_state) == (Decimal("0.000105"), "exact")
    assert (row.first_byte_ms, row.duration_ms, row.upstream_request_id) == (12, 251, "req_1")
    assert row.usage == {"input_tokens": 10, "output_tokens": 5}


def test_headers_and_timeline_are_kept() -> None:
    ingest.ingest(make_batch(make_record()))

    body = ExchangeBody.objects.get()

    assert headers_of([body])[body.id].response == [
        ("Content-Type", "application/json"),
        ("request-id", "req_1"),
    ]
    assert decode_chunks(bytes(body.chunks)) == [(12.4, 100), (250.6, 44)]


def test_a_batch_that_comes_twice_counts_once() -> None:
    batch = make_batch(*(make_record(serial=serial) for serial in (1, 2, 3)))
    ingest.ingest(batch)

    assert ingest.ingest(batch) == 0

    assert Exchange.objects.count() == Receipt.objects.count() == 3
    assert DomainTotal.objects.get().requests == Rollup.objects.get().requests == 3
    assert Spool.objects.get().stored == 3


def test_of_a_batch_that_overlaps_an_earlier_one_only_the_new_records_count() -> None:
    first, second = make_record(serial=1), make_record(serial=2)
    ingest.ingest(make_batch(first))

    assert ingest.ingest(make_batch(second, first)) == 1

    assert Exchange.objects.count() == DomainTotal.objects.get().requests == 2


def test_a_record_twice_in_one_batch_counts_once() -> None:
    record = make_record()

    assert ingest.ingest(make_batch(record, record)) == 1

    assert DomainTotal.objects.get().requests == 1


def test_an_empty_batch_only_reports_the_spool() -> None:
    assert ingest.ingest(make_batch(accepted=7, dropped=2)) == 0

    spool = Spool.objects.get()
    assert (spool.accepted, spool.dropped, spool.stored) == (7, 2, 0)


def test_counts_of_a_spool_never_go_back_when_batches_come_out_of_order() -> None:
    spool = str(uuid7())
    ingest.ingest(make_batch(make_record(serial=9), spool=spool, accepted=9, dropped=3))

    ingest.ingest(make_batch(make_record(serial=1), spool=spool, accepted=1, dropped=0))

    row = Spool.objects.get()
    assert (row.accepted, row.dropped, row.stored) == (9, 3, 2)


def test_with_storage_off_exchanges_are_counted_and_nothing_else_is_kept(settings: Settings) -> None:
    settings.STORAGE_ENABLED = False
    batch = make_batch(make_record())

    assert [ingest.ingest(batch), ingest.ingest(batch)] == [1, 0]

    total = DomainTotal.objects.get()
    assert (total.requests, total.stored, total.input_tokens) == (1, 0, 10)
    assert Receipt.objects.count() == Rollup.objects.count() == 1
    assert [model.objects.count() for model in (Exchange, ExchangeBody, Blob)] == [0, 0, 0]


def test_records_of_two_months_lie_in_two_partitions() -> None:
    last = datetime(2026, 10, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    first = datetime(2026, 11, 1, tzinfo=UTC)
    records = [make_record(head=make_head(moment)) for moment in (last, first)]

    ingest.ingest(make_batch(*records))

    with connection.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM proxy_exchange ORDER BY id")
        assert cursor.fetchall() == [("proxy_exchange_2026_10",), ("proxy_exchange_2026_11",)]
    assert [body_of(row.pk, "request") for row in Exchange.objects.all()] == [ask(), ask()]
    assert sorted(Blob.objects.values_list("month", flat=True).distinct()) == [
        datetime(2026, 10, 1).date(),
        datetime(2026, 11, 1).date(),
    ]


def test_the_month_is_that_of_the_id_when_the_clock_says_otherwise() -> None:
    head = make_head(
        datetime(2026, 3, 31, tzinfo=UTC), started_at=datetime(2026, 4, 1, tzinfo=UTC).timestamp()
    )

    ingest.ingest(make_batch(make_record(head=head)))

    assert Blob.objects.values_list("month", flat=True).distinct().get() == datetime(2026, 3, 1).date()


@pytest.fixture
def broken_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    read: Callable[..., facts.Facts] = facts.read

    def fail(record: Record, *rest: object) -> facts.Facts:
        if b"poison" in record.request_body:
            raise RecursionError("too deep")
        return read(record, *rest)

    monkeypatch.setattr(facts, "read", fail)


@pytest.mark.usefixtures("broken_parser")
def test_a_record_that_breaks_a_parser_is_stored_with_bodies_and_outcome() -> None:
    poison = make_record(ask("poison"), closing=make_closing(outcome="upstream_cut"))

    assert ingest.ingest(make_batch(make_record(), poison, make_record())) == 3

    row = Exchange.objects.get(pk=poison.head.id)
    assert (row.outcome, row.model, row.input_tokens) == ("upstream_cut", "claude-sonnet-4-5", None)
    assert (row.cost_state, row.cost_reason) == ("partial", ingest.BROKE)
    assert body_of(row.pk, "request") == ask("poison")
    assert Exchange.objects.filter(cost_state="exact").count() == 2


BAD_IDS = ["no-uuid", "0f8fad5b-d9cb-469f-a165-70867728950e", "ffffffff-ffff-7000-8000-000000000000"]


@pytest.mark.parametrize("bad", BAD_IDS)
def test_a_record_that_cannot_be_stored_is_set_aside_alone(bad: str) -> None:
    poison = make_record(serial=2, head=make_head(id=bad))
    batch = make_batch(make_record(serial=1), poison, make_record(serial=3))

    assert [ingest.ingest(batch), ingest.ingest(batch)] == [3, 0]

    dead_letter = DeadLetter.objects.get()
    assert msgspec.msgpack.decode(bytes(dead_letter.record), type=Record) == poison
    assert dead_letter.error.startswith(("ValueError: ", "OverflowError: "))
    assert Exchange.objects.count() == 2
    assert Spool.objects.get().stored == 3


def test_a_value_that_postgresql_refuses_sets_its_record_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "fit", lambda row: None)
    poison = make_record(serial=2, head=make_head(target="/v1/\x00"))

    assert ingest.ingest(make_batch(make_record(serial=1), poison)) == 2

    assert DeadLetter.objects.get().serial == 2
    assert Exchange.objects.get().serial == 1


def test_an_exceeded_limit_of_postgresql_sets_its_record_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns, "fit", lambda row: None)
    deep: object = None
    for _ in range(900):
        deep = [deep]
    usage = {"input_tokens": 1, "x": deep}
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_stack_depth = '100kB'")

    assert ingest.ingest(make_batch(make_record(response=say(usage=usage)))) == 1

    assert DeadLetter.objects.get().error.startswith("OperationalError: stack depth limit exceeded")


def test_a_missing_table_sets_nothing_aside() -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE proxy_exchange RENAME TO lost")

    with pytest.raises(ProgrammingError), transaction.atomic():
        ingest.ingest(make_batch(make_record()))

    assert not DeadLetter.objects.exists()


def test_a_database_that_goes_away_while_prices_are_read_blames_no_record(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def go_away() -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(prices_of_store, "book", go_away)

    with pytest.raises(OperationalError), transaction.atomic():
        ingest.ingest(make_batch(make_record()))

    assert "ingest.unread" not in caplog.text
    assert not Exchange.objects.exists()


def test_a_database_that_goes_away_while_records_come_one_by_one_sets_nothing_aside(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def go_away(*arguments: object) -> None:
        raise OperationalError("the server closed the connection")

    monkeypatch.setattr(storing, "receive", go_away)
    batch = make_batch(make_record(), make_record(head=make_head(id="bad")))

    with pytest.raises(OperationalError), transaction.atomic():
        ingest.ingest(batch)

    assert not DeadLetter.objects.exists()
