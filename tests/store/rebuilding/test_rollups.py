"""What ingest summed up can be summed up again from the rows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import connection
from django.db.models import F, Sum
from pytest_django import Settings

from accounts.models import Domain
from proxy.histograms import DURATIONS
from proxy.metrics import SUMS
from proxy.store.ingest import batch as ingest
from proxy.store.models import Breakdown, Counters, DayBreakdown, DayRollup, DomainTotal, Exchange, Rollup
from proxy.store.rebuilding import rollups as rebuild
from proxy.store.sums import definitions as sums
from proxy.store.sums import folding
from tests.roles import OWNER
from tests.store import random_traffic
from tests.store.records import NOON, make_batch, make_closing, make_head, make_record

pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]
HOUR = datetime(2026, 11, 20, 12, tzinfo=UTC)


def take_in(*moments: datetime, **head: object) -> None:
    ingest.ingest(make_batch(*(make_record(head=make_head(moment, **head)) for moment in moments)))


def said() -> tuple[list[tuple[object, ...]], ...]:
    return (
        random_traffic.rollups(),
        random_traffic.totals(),
        *random_traffic.breakdowns(),
        random_traffic.days(),
    )


@pytest.fixture
def traffic(prices: None) -> None:
    Domain.objects.create(name="configured.example")
    random = Random(20261120)
    for batch in random_traffic.batches(random, 300):
        ingest.ingest(make_batch(*batch))


def test_a_rebuild_finds_nothing_to_mend_in_what_ingest_summed_up(traffic: None) -> None:
    before = said()

    found = rebuild.rebuild(rebuild.Asked())

    assert (found.hours, found.totals, found.breakdowns, found.days) == ([], [], [], [])
    assert said() == before


def test_sums_that_were_lost_come_back_as_ingest_wrote_them(traffic: None) -> None:
    before = said()
    for model in (Rollup, DomainTotal, Breakdown, DayBreakdown):
        model.objects.all().delete()

    found = rebuild.rebuild(rebuild.Asked())

    assert said() == before
    assert sum(hour.sums["requests"] for hour in found.hours) == Exchange.objects.count() == 300
    assert {total.of for total in found.totals} >= {*random_traffic.DOMAINS, sums.UNKNOWN_DOMAIN}


def spoil(random: Random) -> None:
    """Every way to be wrong: too much, too little, another histogram, a row that nobody wrote, one that is gone."""
    known = Rollup.objects.exclude(domain=sums.UNKNOWN_DOMAIN)
    rows = list(known)
    random.shuffle(rows)
    ids = [row.pk for row in rows]
    known.filter(pk__in=ids[:40]).delete()
    for name in SUMS:
        known.filter(pk__in=random.sample(ids, 20)).update(**{name: F(name) + random.choice([-3, 5])})
    known.filter(pk__in=ids[60:70]).update(durations=[1, 2])
    Rollup.objects.create(hour=HOUR, domain="nobody.example", requests=3, durations=[0] * DURATIONS.buckets)
    spoil_breakdowns(random)
    known.filter(pk__in=ids[70:75]).update(first_bytes=[], speeds=[3])
    spoilt = random.sample(list(DayRollup.objects.values_list("pk", flat=True)), 9)
    DayRollup.objects.filter(pk__in=spoilt[:3]).update(requests=F("requests") + 1)
    DayRollup.objects.filter(pk__in=spoilt[3:6]).update(durations=[], first_bytes=[], speeds=[])
    DayRollup.objects.filter(pk__in=spoilt[6:]).delete()
    DomainTotal.objects.filter(domain="a.example").update(requests=1, cost_usd=0)
    DomainTotal.objects.filter(domain="configured.example").delete()
    DomainTotal.objects.create(domain="nobody.example", requests=3, last_at=HOUR)


def spoil_breakdowns(random: Random) -> None:
    for model, span in ((Breakdown, "hour"), (DayBreakdown, "day")):
        rows = list(model.objects.all())
        for row in random.sample(rows, 20):
            model.objects.filter(pk=row.pk).delete()
        for row in random.sample(rows, 20):
            model.objects.filter(pk=row.pk).update(cost_usd=F("cost_usd") + 1, requests=7)
        model.objects.create(
            dimension="person",
            domain="nobody.example",
            value="x",
            requests=1,
            **{span: getattr(rows[0], span)},
        )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_wrong_with_the_sums_is_mended(traffic: None, seed: int) -> None:
    before = said()
    spoil(Random(seed))

    found = rebuild.rebuild(rebuild.Asked())

    assert found.hours
    assert found.days
    assert said() == before
    assert not rebuild.rebuild(rebuild.Asked()).differs


def test_a_dry_run_tells_the_same_and_changes_nothing(traffic: None) -> None:
    spoil(Random(4))
    before = said()

    reported = rebuild.rebuild(rebuild.Asked(dry_run=True))

    assert said() == before
    done = rebuild.rebuild(rebuild.Asked())
    assert (reported.hours, reported.totals) == (done.hours, done.totals)
    assert (reported.breakdowns, reported.days) == (done.breakdowns, done.days)


def of_hours() -> dict[tuple[object, ...], object]:
    """The requests of all values together, by dimension, hour and domain."""
    rows = Breakdown.objects.values_list("dimension", "hour", "domain").annotate(all_requests=Sum("requests"))
    return {tuple(key): requests for *key, requests in rows if requests}


def test_a_day_that_was_folded_stays_folded(traffic: None) -> None:
    assert folding.fold(set(DayBreakdown.objects.values_list("day", flat=True)), most=2)
    before = of_hours()
    spoil_breakdowns(Random(5))

    rebuild.rebuild(rebuild.Asked())

    assert of_hours() == before
    assert rebuild.rebuild(rebuild.Asked()).breakdowns == []


def test_python_and_sql_sum_up_under_the_same_names() -> None:
    columns = {field.name for field in Counters._meta.get_fields()}

    assert sums.SUMS_IN_SQL.keys() == columns == set(SUMS)
    assert tuple(sums.KEY_IN_SQL) == sums.KEY


def test_a_duration_falls_into_the_same_bucket_in_python_and_sql() -> None:
    durations = [*random_traffic.DURATIONS, 2**31 - 1]
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {DURATIONS.bucket_sql} FROM unnest(%s::int[]) WITH ORDINALITY AS one (duration_ms, place)"  # noqa: S608
            " ORDER BY place",
            [durations],
        )
        buckets = [row[0] for row in cursor.fetchall()]

    assert buckets == [DURATIONS.bucket(duration) for duration in durations]


def double() -> None:
    """Make every sum twice as much as it was."""
    Rollup.objects.update(**{name: F(name) * 2 for name in SUMS})


def requests_by_hour() -> dict[datetime, int]:
    return dict(Rollup.objects.values_list("hour", "requests"))


def test_only_the_hours_that_were_asked_for_are_mended() -> None:
    hours = [HOUR + timedelta(hours=number) for number in range(4)]
    take_in(*hours)
    double()

    found = rebuild.rebuild(rebuild.Asked(since=hours[1], until=hours[3]))

    assert requests_by_hour() == dict(zip(hours, (2, 1, 1, 2), strict=True))
    assert [hour.of for hour in found.hours] == hours[1:3]
    assert DomainTotal.objects.get().requests == 6


def test_only_the_domain_that_was_asked_for_is_mended() -> None:
    take_in(NOON)
    take_in(NOON, domain="b.example")
    double()

    rebuild.rebuild(rebuild.Asked(domain="b.example"))

    assert dict(Rollup.objects.values_list("domain", "requests")) == {"a.example": 2, "b.example": 1}
    assert dict(DomainTotal.objects.values_list("domain", "requests")) == {"a.example": 1, "b.example": 1}


def test_hours_that_counted_while_storage_was_off_are_left_alone_and_told(settings: Settings) -> None:
    take_in(NOON, NOON + timedelta(hours=2))
    settings.STORAGE_ENABLED = False
    take_in(NOON)
    double()

    found = rebuild.rebuild(rebuild.Asked())

    assert found.storage_off == [HOUR]
    assert requests_by_hour() == {HOUR: 4, HOUR + timedelta(hours=2): 1}


def test_an_hour_without_rows_that_a_clock_set_back_counted_into_is_left_alone(settings: Settings) -> None:
    settings.STORAGE_ENABLED = False
    take_in(NOON, started_at=(NOON - timedelta(hours=3)).timestamp())

    found = rebuild.rebuild(rebuild.Asked())

    assert found.storage_off == [HOUR - timedelta(hours=3), HOUR]
    assert requests_by_hour() == {HOUR - timedelta(hours=3): 1}


def drop(month: str) -> None:
    with connection.cursor() as cursor:
        for parent in ("receipt", "exchange", "exchangebody", "blob"):
            cursor.execute(f"DROP TABLE proxy_{parent}_{month}")


def test_months_that_were_dropped_are_left_alone_and_told_with_a_day_beside_them() -> None:
    moments = [datetime(2026, *day, 5, tzinfo=UTC) for day in ((8, 30), (8, 31), (9, 15), (10, 1), (10, 2))]
    take_in(*moments)
    double()
    drop("2026_09")

    found = rebuild.rebuild(rebuild.Asked())

    assert found.dropped_months == [date(2026, 9, 1)]
    assert requests_by_hour() == dict(zip(moments, (1, 2, 2, 2, 1), strict=True))
    assert DomainTotal.objects.get().requests == 8


def test_strangers_of_before_are_left_where_they_were_counted() -> None:
    refused = make_closing(outcome="refused", status=401)
    ingest.ingest(make_batch(make_record(closing=refused)))
    Exchange.objects.update(counts_as="")

    found = rebuild.rebuild(rebuild.Asked())

    assert found.counted_before == [HOUR]
    assert Rollup.objects.get().domain == sums.UNKNOWN_DOMAIN


def test_the_last_moment_of_a_lost_total_is_that_of_its_last_exchange() -> None:
    take_in(NOON - timedelta(days=40), NOON, NOON - timedelta(minutes=1))
    DomainTotal.objects.all().delete()

    rebuild.rebuild(rebuild.Asked())

    assert DomainTotal.objects.get().last_at == NOON


def test_an_empty_record_is_nothing_to_rebuild() -> None:
    found = rebuild.rebuild(rebuild.Asked())

    assert found == rebuild.Rebuilt()


def test_a_cost_is_mended_to_its_last_digit(prices: None) -> None:
    take_in(NOON)
    Rollup.objects.update(cost_usd=F("cost_usd") + Decimal("0.0000000001"))

    [hour] = rebuild.rebuild(rebuild.Asked()).hours

    assert hour.sums == {"cost_usd": Decimal("-0.0000000001")}
    assert Rollup.objects.get().cost_usd == Decimal("0.000105")
