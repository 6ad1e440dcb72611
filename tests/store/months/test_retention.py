"""A month is dropped whole; what is pinned survives byte-exact, and nothing else does."""

import logging
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from importlib import import_module
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.forms.models import model_to_dict
from pytest_django.fixtures import Settings

from proxy.record import Record
from proxy.store.bodies.blobs import BodyMissingError, body_of
from proxy.store.ingest import batch as ingest
from proxy.store.models import (
    Blob,
    DomainTotal,
    DroppedMonth,
    Exchange,
    ExchangeBody,
    Pin,
    Receipt,
    Rollup,
    month_of,
)
from proxy.store.months import retention
from tests.people import make_pin
from tests.roles import as_owner
from tests.store.agent_session import SESSION, AgentSession
from tests.store.records import ask, make_batch, make_head, make_record, say

pytestmark = pytest.mark.django_db

OLD = datetime(2026, 1, 20, 12, tzinfo=UTC)
JANUARY = date(2026, 1, 1)
TURNS = list(AgentSession().requests(40))


def drop(part: str, month: date = JANUARY) -> int | None:
    """How many rows were kept, None where there was nothing to drop."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_drop_month(%s, %s)", [month, part])
        [(kept,)] = cursor.fetchall()
    return None if kept is None else int(kept)


def drop_all(month: date = JANUARY) -> tuple[int | None, int | None]:
    return drop("bodies", month), drop("metadata", month)


def turn(body: bytes, number: int, *, start: datetime = OLD, **head: object) -> Record:
    """One request of the agent's session, with an answer of its own."""
    headers = [("x-claude-code-session-id", SESSION)]
    return make_record(
        body,
        say(f"answer {number}"),
        head=make_head(start + timedelta(seconds=number), headers=headers, **head),
    )


def session(turns: Sequence[bytes] = TURNS) -> list[Record]:
    return [turn(body, number) for number, body in enumerate(turns)]


def id_of(record: Record) -> UUID:
    return UUID(record.head.id)


def bodies(record: Record) -> tuple[bytes, bytes]:
    return body_of(id_of(record), "request"), body_of(id_of(record), "response")


def sent(record: Record) -> tuple[bytes, bytes]:
    return record.request_body, record.response_body


def partitions_of(suffix: str) -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relname LIKE %s", [f"proxy%{suffix}%"]
        )
        return {name for (name,) in cursor.fetchall()}


def test_a_month_without_pins_is_dropped_whole_and_no_other() -> None:
    ingest.ingest(make_batch(make_record(head=make_head(OLD)), new := make_record()))

    assert drop_all() == (0, 0)

    assert partitions_of("2026_01") == set()
    assert [row.id for row in Exchange.objects.all()] == [id_of(new)]
    assert bodies(new) == sent(new)


@pytest.mark.parametrize("number", [0, 5, 16, 17, 39])
def test_a_pinned_exchange_survives_and_nothing_else(number: int) -> None:
    records = session()
    ingest.ingest(make_batch(*records))
    ingest.ingest(make_batch(make_record(ask("unrelated"), head=make_head(OLD))))
    make_pin(exchange=id_of(records[number]))
    before = model_to_dict(Exchange.objects.get(id=id_of(records[number])))

    assert drop_all() == (1, 1)

    assert bodies(records[number]) == sent(records[number])
    assert model_to_dict(Exchange.objects.get()) == before
    assert ExchangeBody.objects.get().id == Receipt.objects.get().id == id_of(records[number])
    body = ExchangeBody.objects.get()
    manifests = bytes(body.request_manifest) + bytes(body.response_manifest)
    assert Blob.objects.count() == len({manifests[at : at + 16] for at in range(0, len(manifests), 16)})


def test_a_piece_that_pinned_and_unpinned_exchanges_share_is_kept() -> None:
    shared = [make_record(ask("the same"), serial=serial, head=make_head(OLD)) for serial in range(3)]
    ingest.ingest(make_batch(*shared))
    make_pin(exchange=id_of(shared[0]))
    make_pin(exchange=id_of(shared[1]))

    assert drop_all() == (2, 2)

    assert [bodies(record) for record in shared[:2]] == [sent(record) for record in shared[:2]]
    assert Blob.objects.count() == 2


def test_a_pinned_session_keeps_all_its_exchanges_and_those_that_come_later() -> None:
    records = session(TURNS[:30])
    ingest.ingest(make_batch(*records[:25], turn(TURNS[0], 99, domain="b.example")))
    make_pin(session_id=SESSION, domain="a.example")
    assert drop_all() == (25, 25)

    ingest.ingest(make_batch(*records[25:]))
    assert drop_all() == (None, None)

    assert [bodies(record) for record in records] == [sent(record) for record in records]
    assert Exchange.objects.count() == 30


def test_a_late_record_builds_on_what_was_kept_and_is_kept_without_it() -> None:
    first, second = session(TURNS[:2])
    ingest.ingest(make_batch(first))
    make_pin(exchange=id_of(first))
    drop_all()

    ingest.ingest(make_batch(second))
    assert ExchangeBody.objects.get(id=id_of(second)).parent == id_of(first)
    with as_owner():
        Pin.objects.all().delete()
    make_pin(exchange=id_of(second))
    assert drop_all() == (1, 1)

    assert bodies(second) == sent(second)
    assert not Exchange.objects.filter(id=id_of(first)).exists()


def test_a_pinned_body_whose_chain_is_broken_is_kept_as_it_is() -> None:
    records = session(TURNS[:3])
    ingest.ingest(make_batch(*records))
    with as_owner():
        ExchangeBody.objects.filter(id=id_of(records[0])).delete()
    make_pin(exchange=id_of(records[2]))

    assert drop("bodies") == 1

    assert ExchangeBody.objects.get().parent == id_of(records[1])
    assert body_of(id_of(records[2]), "response") == records[2].response_body


def test_metadata_stays_when_bodies_are_dropped_and_says_since_when() -> None:
    ingest.ingest(make_batch(record := make_record(head=make_head(OLD))))

    drop("bodies")

    assert Exchange.objects.get().id == id_of(record)
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    with pytest.raises(
        BodyMissingError, match=f"bodies of 2026-01 were dropped on {today} by RETENTION_BODIES_DAYS"
    ):
        bodies(record)


def test_a_late_record_after_a_drop_is_stored_and_dropped_again() -> None:
    ingest.ingest(make_batch(make_record(head=make_head(OLD))))
    drop_all()
    first = DroppedMonth.objects.get()

    ingest.ingest(make_batch(late := make_record(head=make_head(OLD))))
    assert bodies(late) == sent(late)
    assert drop_all() == (0, 0)

    assert Exchange.objects.count() == 0
    assert model_to_dict(DroppedMonth.objects.get()) == model_to_dict(first)
    assert DomainTotal.objects.get().requests == 2


def test_a_record_that_comes_twice_counts_once_while_its_month_lives_or_it_is_pinned() -> None:
    batch = make_batch(record := make_record(head=make_head(OLD)))
    ingest.ingest(batch)
    make_pin(exchange=id_of(record))
    drop_all()

    assert ingest.ingest(batch) == 0
    assert DomainTotal.objects.get().requests == 1


def test_dropping_twice_does_nothing_new() -> None:
    records = session(TURNS[:3])
    ingest.ingest(make_batch(*records))
    make_pin(exchange=id_of(records[2]))
    drop_all()
    before = partitions_of("2026_01"), model_to_dict(DroppedMonth.objects.get())

    assert drop_all() == (None, None)

    assert (partitions_of("2026_01"), model_to_dict(DroppedMonth.objects.get())) == before


def test_what_is_no_longer_pinned_is_dropped() -> None:
    ingest.ingest(make_batch(record := make_record(head=make_head(OLD))))
    make_pin(exchange=id_of(record))
    drop_all()

    with as_owner():
        Pin.objects.all().delete()

    assert drop_all() == (0, 0)
    assert partitions_of("2026_01") == set()


def test_sums_stay_for_ever() -> None:
    ingest.ingest(make_batch(*session(TURNS[:5])))
    sums = [list(model.objects.values()) for model in (Rollup, DomainTotal)]

    drop_all()

    assert [list(model.objects.values()) for model in (Rollup, DomainTotal)] == sums


def test_with_storage_off_receipts_are_dropped_too(settings: Settings) -> None:
    settings.STORAGE_ENABLED = False
    ingest.ingest(make_batch(make_record(head=make_head(OLD))))

    assert drop_all() == (0, 0)

    assert not Receipt.objects.exists()


@pytest.mark.parametrize("part", ["bodies", "metadata"])
def test_a_month_that_is_not_over_cannot_be_dropped(part: str) -> None:
    ingest.ingest(make_batch(record := make_record(head=make_head(datetime.now(UTC)))))

    with pytest.raises(DatabaseError, match="is not over yet"), transaction.atomic():
        drop(part, datetime.now(UTC).date())

    assert Exchange.objects.get().id == id_of(record)


def test_nothing_is_ever_deleted_row_by_row() -> None:
    migration = import_module("proxy.store.migrations.0008_retention")

    statements = [migration.MONTHS, migration.PINNED, migration.KEEP, migration.DROP]
    assert not [
        statement
        for statement in statements
        if "DELETE" in statement.upper() or "TRUNCATE" in statement.upper()
    ]


@pytest.mark.parametrize(
    ("month", "days", "now", "expected"),
    [
        (date(2026, 1, 1), 0, datetime(2099, 1, 1), False),
        (date(2026, 1, 1), 1, datetime(2026, 2, 1, 23, 59, 59), False),
        (date(2026, 1, 1), 1, datetime(2026, 2, 2), True),
        (date(2026, 1, 1), 30, datetime(2026, 3, 2, 23, 59, 59), False),
        (date(2026, 1, 1), 30, datetime(2026, 3, 3), True),
        (date(2025, 12, 1), 31, datetime(2026, 1, 31, 23, 59, 59), False),
        (date(2025, 12, 1), 31, datetime(2026, 2, 1), True),
        (date(2024, 2, 1), 365, datetime(2025, 2, 28, 23, 59, 59), False),
        (date(2024, 2, 1), 365, datetime(2025, 3, 1), True),
        (date(2024, 1, 1), 29, datetime(2024, 2, 29, 23, 59, 59), False),
        (date(2024, 1, 1), 29, datetime(2024, 3, 1), True),
    ],
)
def test_a_month_is_due_when_its_end_is_that_many_days_ago(
    month: date, days: int, now: datetime, expected: bool
) -> None:
    assert retention.is_due(month, days, now.replace(tzinfo=UTC)) is expected


def test_the_edges_of_a_month_are_those_of_utc(settings: Settings) -> None:
    settings.RETENTION_BODIES_DAYS = settings.RETENTION_METADATA_DAYS = 1
    last = make_record(head=make_head(datetime(2026, 1, 31, 23, 59, 59, 999000, tzinfo=UTC)))
    first = make_record(head=make_head(datetime(2026, 2, 1, tzinfo=UTC)))
    ingest.ingest(make_batch(last, first))

    retention.run(datetime(2026, 2, 2, 0, 30, tzinfo=UTC))

    assert [row.id for row in Exchange.objects.all()] == [id_of(first)]
    assert bodies(first) == sent(first)


def test_a_run_drops_what_is_due_and_tells_of_each_drop(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.RETENTION_BODIES_DAYS, settings.RETENTION_METADATA_DAYS = 30, 90
    for month in (1, 2, 3, 4):
        ingest.ingest(make_batch(make_record(head=make_head(datetime(2026, month, 9, tzinfo=UTC)))))

    with caplog.at_level(logging.INFO, "nexus.retention"):
        retention.run(datetime(2026, 5, 10, tzinfo=UTC))

    assert {row.started_at.month for row in Exchange.objects.all()} == {2, 3, 4}
    assert {month_of(row.id).month for row in ExchangeBody.objects.all()} == {4}
    events = [vars(record) for record in caplog.records if record.getMessage() == "retention.dropped"]
    reported = [event for event in events if "2026-01" <= event["month"] <= "2026-04"]
    assert [(report["month"], report["part"]) for report in reported] == [
        ("2026-01", "bodies"), ("2026-01", "metadata"), ("2026-02", "bodies"), ("2026-03", "bodies"),
    ]  # fmt: skip
    assert reported[0]["by"] == "RETENTION_BODIES_DAYS=30"
    assert all(report["bytes"] > 0 and report["kept"] == 0 for report in reported)


def test_by_default_nothing_is_dropped() -> None:
    ingest.ingest(make_batch(make_record(head=make_head(OLD))))

    retention.run(datetime(2126, 1, 1, tzinfo=UTC))

    assert Exchange.objects.count() == 1
    assert not DroppedMonth.objects.exists()
