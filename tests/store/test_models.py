import math
from copy import copy
from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from proxy.histograms import DURATIONS, SPEEDS
from proxy.store.ingest import batch as ingest
from proxy.store.models import (
    Blob,
    DeadLetter,
    DomainTotal,
    Exchange,
    ExchangeBody,
    Price,
    Receipt,
    Rollup,
    Spool,
    moment_of,
    month_of,
)
from tests.roles import as_owner
from tests.store.records import NOON, make_batch, make_closing, make_head, make_record, uuid7

MOMENTS = st.datetimes(datetime(1980, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))


@given(moment=MOMENTS)
def test_the_moment_of_an_id_is_that_of_its_making(moment: datetime) -> None:
    assert abs((moment_of(uuid7(moment)) - moment).total_seconds()) <= 0.001


def test_the_month_of_an_id_begins_on_its_first_day() -> None:
    assert month_of(uuid7(datetime(2026, 2, 28, 23, 59, tzinfo=UTC))) == datetime(2026, 2, 1, tzinfo=UTC)


@pytest.mark.django_db
@given(moment=MOMENTS)
def test_postgresql_finds_the_same_border_between_ids(moment: datetime) -> None:
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("SELECT nexus_uuid_floor(%s)", [whole])

        assert cursor.fetchone() == (UUID(int=uuid7(whole).int >> 80 << 80),)


@pytest.mark.django_db
def test_lists_of_exchanges_show_one_domain_newest_first() -> None:
    records = [make_record(head=make_head(domain=name)) for name in ("a.example", "b.example", "a.example")]
    ingest.ingest(make_batch(*records))

    found = Exchange.objects.of_domain("a.example").newest_first()

    assert [str(row.pk) for row in found] == sorted((records[0].head.id, records[2].head.id), reverse=True)
    assert Exchange.objects.of_domain(None).count() == 3


@pytest.mark.django_db
def test_an_exchange_knows_whether_it_failed_and_what_it_used() -> None:
    ingest.ingest(
        make_batch(make_record(), make_record(response=b"", closing=make_closing(outcome="aborted")))
    )

    good = Exchange.objects.get(outcome="complete")
    bad = Exchange.objects.get(outcome="aborted")
    assert [(row.failed, row.total_tokens) for row in (good, bad)] == [(False, 15), (True, 0)]
    assert good.month == datetime(2026, 11, 1, tzinfo=UTC)


@pytest.mark.django_db
def test_every_row_says_which_it_is() -> None:
    record = make_record(serial=4)
    ingest.ingest(make_batch(record, make_record(serial=5, head=make_head(id="none"))))
    rows = [
        model.objects.first() for model in (Exchange, ExchangeBody, Receipt, Spool, DeadLetter, DomainTotal)
    ]

    names = [str(row) for row in rows]

    spool = str(Spool.objects.get().pk)
    assert names == [*[record.head.id] * 3, spool, f"record 5 of spool {spool}", "a.example"]
    assert str(Blob.objects.first()) == bytes(Blob.objects.all()[0].digest).hex()
    assert str(Rollup.objects.get()) == "2026-11-20 12:00:00+00:00 a.example claude-sonnet-4-5"
    assert str(Price(model="m", valid_from=NOON)) == "m from 2026-11-20"


def test_each_duration_lies_within_its_bucket() -> None:
    assert [DURATIONS.bucket(item) for item in (0, 10, 10.1, 600_000, 10**9)] == [0, 0, 1, 26, 27]


@given(durations=st.lists(st.floats(1, 600_000), min_size=1), share=st.floats(0.01, 1))
def test_a_percentile_lies_in_the_bucket_of_the_true_one(durations: list[float], share: float) -> None:
    counts = [0] * DURATIONS.buckets
    for duration in durations:
        counts[DURATIONS.bucket(duration)] += 1
    true = sorted(durations)[max(0, math.ceil(len(durations) * share - 1e-9) - 1)]

    estimate = DURATIONS.percentile(counts, share)

    assert estimate is not None
    assert abs(DURATIONS.bucket(estimate) - DURATIONS.bucket(true)) <= 1


def test_nothing_has_no_percentile() -> None:
    assert DURATIONS.percentile([0] * DURATIONS.buckets, 0.95) is None


def test_the_last_bucket_is_open() -> None:
    assert DURATIONS.percentile([0] * (DURATIONS.buckets - 1) + [1], 1) == 1_200_000


def test_a_speed_is_of_a_stream_that_came_to_its_end() -> None:
    row = Exchange(streamed=True, outcome="complete", output_tokens=150, first_byte_ms=500, duration_ms=2000)
    assert SPEEDS.of(row) == 100

    others = {
        "streamed": False,
        "outcome": "cut",
        "output_tokens": None,
        "first_byte_ms": None,
        "duration_ms": 500,
    }
    for name, value in others.items():
        other = copy(row)
        setattr(other, name, value)
        assert SPEEDS.of(other) is None
