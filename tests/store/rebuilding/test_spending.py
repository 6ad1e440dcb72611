"""What limits in USD are compared with can be summed up again from the rows."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from django.db import connection
from django.db.models import F
from pytest_django import Settings

from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.models import Exchange, Spend
from proxy.store.rebuilding import rollups as rebuild
from tests import people
from tests.roles import OWNER
from tests.store import random_traffic
from tests.store.batch_records import create, fetch
from tests.store.records import NOON, make_batch, make_head, make_record
from tests.wire.batch_files import SEVERAL_MODELS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.database_role(OWNER),
    pytest.mark.usefixtures("prices"),
]
DAY = timedelta(days=1)
COST = Decimal("0.000105")


@pytest.fixture
def traffic(prices: None) -> None:
    """Of all kinds, with a batch that counts where it was created, and with costs that became known later."""
    for batch in random_traffic.batches(Random(20261120), 300):
        ingest.ingest(make_batch(*batch))
    ingest.ingest(make_batch(create(requests=3), fetch(SEVERAL_MODELS, domain="b.example", client_key="7")))
    people.make_price("claude-next-1")
    reprice.reprice(reprice.Asked())


def take_in(*moments: datetime, **head: object) -> None:
    ingest.ingest(make_batch(*(make_record(head=make_head(moment, **head)) for moment in moments)))


def by_day() -> dict[date, Decimal]:
    return dict(Spend.objects.order_by("day").values_list("day", "cost_usd"))


def test_a_rebuild_finds_nothing_in_what_ingest_and_reprice_counted(traffic: None) -> None:
    before = random_traffic.spending()

    found = rebuild.rebuild(rebuild.Asked())

    assert (found.spending, random_traffic.spending()) == ([], before)
    assert sum(row.cost_usd for row in Spend.objects.all()) == sum(
        cost for cost in Exchange.objects.values_list("cost_usd", flat=True) if cost
    )


def test_lost_sums_come_back_as_they_were(traffic: None) -> None:
    before = random_traffic.spending()
    Spend.objects.all().delete()

    found = rebuild.rebuild(rebuild.Asked())

    assert random_traffic.spending() == before
    assert {difference.of for difference in found.spending} == {row[0] for row in before}


def spoil(random: Random) -> None:
    """Too much, too little, one that is gone, one that nobody spent."""
    ids = list(Spend.objects.values_list("id", flat=True))
    random.shuffle(ids)
    Spend.objects.filter(pk__in=ids[:10]).update(cost_usd=F("cost_usd") + Decimal("0.0000000001"))
    Spend.objects.filter(pk__in=ids[10:20]).update(cost_usd=-3)
    Spend.objects.filter(pk__in=ids[20:30]).delete()
    Spend.objects.create(day=NOON.date(), domain="nobody.example", client_key="9", known=True, cost_usd=5)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_whatever_is_wrong_is_mended_and_a_dry_run_tells_the_same(traffic: None, seed: int) -> None:
    before = random_traffic.spending()
    spoil(Random(seed))
    spoiled = random_traffic.spending()

    reported = rebuild.rebuild(rebuild.Asked(dry_run=True))
    assert random_traffic.spending() == spoiled
    done = rebuild.rebuild(rebuild.Asked())

    assert random_traffic.spending() == before
    assert reported.spending == done.spending != []
    assert not Spend.objects.filter(cost_usd=0).exists()


def test_only_whole_days_and_the_domain_that_were_asked_for_are_mended() -> None:
    days = [NOON + number * DAY for number in range(3)]
    take_in(*days)
    take_in(days[1], domain="b.example")
    Spend.objects.update(cost_usd=1)

    found = rebuild.rebuild(
        rebuild.Asked(since=rebuild.hour_of(days[0]), until=rebuild.hour_of(days[2]), domain="a.example")
    )

    assert [difference.of for difference in found.spending] == [days[1].date()]
    fixed = Spend.objects.get(cost_usd=COST)
    assert (fixed.day, fixed.domain) == (days[1].date(), "a.example")


def test_a_day_with_an_hour_without_storage_is_left_alone(settings: Settings) -> None:
    take_in(NOON, NOON + DAY)
    settings.STORAGE_ENABLED = False
    take_in(NOON + timedelta(hours=5))

    Spend.objects.update(cost_usd=1)
    rebuild.rebuild(rebuild.Asked())

    assert by_day() == {NOON.date(): 1, (NOON + DAY).date(): COST}


def test_what_was_spent_in_a_dropped_month_stays_with_a_day_beside_it() -> None:
    moments = [datetime(2026, *day, 5, tzinfo=UTC) for day in ((8, 30), (8, 31), (9, 15), (10, 1), (10, 2))]
    take_in(*moments)
    Spend.objects.update(cost_usd=1)
    with connection.cursor() as cursor:
        for parent in ("receipt", "exchange", "exchangebody", "blob"):
            cursor.execute(f"DROP TABLE proxy_{parent}_2026_09")

    rebuild.rebuild(rebuild.Asked())

    assert list(by_day().values()) == [COST, 1, 1, 1, COST]
