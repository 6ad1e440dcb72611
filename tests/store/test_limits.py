"""What was spent comes from the database to the proxies' limits, exactly, whatever happens to Redis."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from threading import Thread

import pytest
import redis
from django.conf import settings
from django.db import connections

from accounts.access.limits import PERIODS, Period, begin, end, redis_key, spent_key
from accounts.limits import scripts as limit_scripts
from proxy.store import tasks
from proxy.store.billing import reprice
from proxy.store.ingest import batch as ingest
from proxy.store.listeners import limits
from proxy.store.models import Spend
from proxy.store.sums import spend
from tests import people as prices_people
from tests.accounts.people import make_client_key, make_domain, make_limit
from tests.roles import as_owner
from tests.store.records import MODEL, ask, make_batch, make_head, make_record, say, uuid7

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("prices")]
COST = Decimal("0.000105")  # of `say()`: 10 tokens in and 5 out
MICRO = 105


@pytest.fixture(autouse=True)
def store() -> Iterator[redis.Redis]:
    """Without what other tests left."""
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        for key in client.scan_iter("nexus:limits:*"):
            client.delete(key)
        yield client


def now() -> datetime:
    return datetime.now(UTC)


def take_in(moment: datetime | None = None, **head: object) -> str:
    """Store an exchange; its id."""
    record = make_record(head=make_head(moment or now(), **head))
    ingest.ingest(make_batch(record))
    return record.head.id


def spent(store: redis.Redis, scope: str = "organisation", period: Period = "day") -> int | None:
    found = store.get(spent_key(scope, period, now().date()))
    return None if found is None else int(found)


def reserve(store: redis.Redis, exchange: str, scope: str = "organisation") -> None:
    store.zadd(redis_key(scope, "open"), {exchange: 9e15})
    store.hset(redis_key(scope, "amounts"), mapping={exchange: 15000, "total": 15000})


def reserved(store: redis.Redis, scope: str = "organisation") -> int:
    return int(store.hget(redis_key(scope, "amounts"), "total") or 0)


def test_without_a_limit_redis_hears_nothing(store: redis.Redis) -> None:
    make_limit(requests_per_minute=5)

    take_in()
    tasks.reconcile_limits()

    assert list(store.scan_iter("nexus:limits:*")) == []


def test_what_is_stored_is_spent_and_no_longer_reserved(store: redis.Redis) -> None:
    key, _ = make_client_key()
    scopes = {"organisation": make_limit(usd_per_day=1, usd_per_month=2)}
    scopes["domain:a.example"] = make_limit(domain=make_domain(), usd_per_day=1)
    scopes[f"key:{key.pk}"] = make_limit(client_key=key, usd_per_day=1)
    record = make_record(head=make_head(now(), client_key=str(key.pk)))
    for scope in scopes:
        reserve(store, record.head.id, scope)

    ingest.ingest(make_batch(record))

    assert {scope: (spent(store, scope), reserved(store, scope)) for scope in scopes} == dict.fromkeys(
        scopes, (MICRO, 0)
    )
    assert spent(store, period="month") == MICRO
    assert spent(store, period="week") is None


def test_settling_twice_or_after_a_wipe_makes_no_difference(store: redis.Redis) -> None:
    make_limit(usd_per_day=1)
    record = make_record(head=make_head(now()))
    batch = make_batch(record)
    ingest.ingest(batch)
    reserve(store, str(uuid7()))

    ingest.ingest(batch)
    limits.reconcile()
    limits.reconcile()

    assert (spent(store), reserved(store)) == (MICRO, 15000)
    store.delete(*store.scan_iter("nexus:limits:*"))
    limits.reconcile()
    assert (spent(store), reserved(store)) == (MICRO, 0)


def test_what_was_stored_without_a_word_to_redis_is_found(store: redis.Redis) -> None:
    make_limit(usd_per_day=1)
    record = make_record(head=make_head(now()))
    ingest.ingest(make_batch(record), quietly=True)
    reserve(store, record.head.id)

    limits.reconcile()

    assert (spent(store), reserved(store)) == (MICRO, 0)


def test_a_wildcard_is_spent_by_every_host_below_it(store: redis.Redis) -> None:
    make_limit(domain=make_domain("*.a.example"), usd_per_day=1)
    for host in ("x.a.example", "y.a.example"):
        record = make_record(head=make_head(now(), domain=host, tenant="*.a.example"))
        reserve(store, record.head.id, "domain:*.a.example")
        ingest.ingest(make_batch(record))

    assert (spent(store, "domain:*.a.example"), reserved(store, "domain:*.a.example")) == (2 * MICRO, 0)


def test_a_stranger_who_pays_is_no_spending_of_the_organisation(store: redis.Redis) -> None:
    make_limit(usd_per_day=1)
    make_limit(domain=make_domain(), usd_per_day=1)

    take_in(paid_by="client", account="")

    assert (spent(store), spent(store, "domain:a.example")) == (0, MICRO)


def test_each_period_has_its_own_sum(store: redis.Redis) -> None:
    make_limit(usd_per_day=1, usd_per_week=1, usd_per_month=1)
    today = now().date()
    moments = [start - timedelta(seconds=1) for start in beginnings(today)] + beginnings(today)

    for moment in moments:
        take_in(moment)

    for period in PERIODS:
        first = begin(period, today)
        expected = sum(first <= moment.date() <= today for moment in moments)
        assert spent(store, period=period) == expected * MICRO


def beginnings(today: date) -> list[datetime]:
    return [datetime.combine(begin(period, today), time.min, UTC) for period in PERIODS]


def test_a_sum_is_forgotten_a_day_after_its_period(store: redis.Redis) -> None:
    make_limit(usd_per_week=1)

    limits.reconcile()

    key = spent_key("organisation", "week", now().date())
    after = datetime.combine(end("week", now().date()) + timedelta(days=1), time.min, UTC)
    assert store.ttl(key) == pytest.approx((after - now()).total_seconds(), abs=3)


def test_a_new_price_moves_what_was_spent(store: redis.Redis) -> None:
    make_limit(usd_per_day=1)
    with as_owner():
        record = make_record(ask(model="new"), say(model="new"), head=make_head(now()))
        ingest.ingest(make_batch(record))
        spend_before = Spend.objects.get()
        # The dearest price of all: an unknown model must not let anybody past a cap.
        assert (spend_before.cost_usd, spend_before.estimated_usd) == (0, 5 * COST)
        prices_people.make_price("new")

        reprice.reprice(reprice.Asked())
        limits.reconcile()

    assert spent(store) == MICRO
    assert (Spend.objects.get().cost_usd, Spend.objects.get().estimated_usd) == (COST, 0)


def test_a_tally_of_days_domains_and_keys() -> None:
    moment = datetime(2026, 11, 25, 23, 59, 59, tzinfo=UTC)
    take_in(moment)
    take_in(moment, client_key="7")
    take_in(moment + timedelta(seconds=1), client_key="7")
    ingest.ingest(make_batch(make_record(ask(model=MODEL), b"", head=make_head(moment))))

    assert list(Spend.objects.order_by("day", "client_key").values_list("day", "client_key", "cost_usd")) == [
        (date(2026, 11, 25), "", COST),
        (date(2026, 11, 25), "7", COST),
        (date(2026, 11, 26), "7", COST),
    ]
    sums = spend.sums(date(2026, 11, 26))
    assert sums["key:7"] == {"day": COST, "week": 2 * COST, "month": 2 * COST}
    assert sums["organisation"] == {"day": COST, "week": 3 * COST, "month": 3 * COST}
    assert "key:7" not in spend.sums(date(2026, 12, 1))
    assert spend.sums(date(2026, 12, 7)) == {}


def test_the_script_takes_an_exchange_that_redis_does_not_know(store: redis.Redis) -> None:
    store.eval(limit_scripts.SETTLE, 0, '{"stored": [["organisation", "x"]], "spent": []}')

    assert list(store.scan_iter("nexus:limits:*")) == []


@pytest.mark.django_db(transaction=True)
def test_workers_at_once_never_write_an_older_sum_over_a_newer(store: redis.Redis) -> None:
    make_limit(usd_per_day=1)

    def work() -> None:
        try:
            for _ in range(5):
                take_in()
        finally:
            connections.close_all()

    threads = [Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert spent(store) == 20 * MICRO
