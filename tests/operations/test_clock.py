"""The wall clock steps back by hours while exchanges run, as when NTP corrects it: nothing is lost, twice or negative.

uuid_utils reads the clock itself. Within a process its ids do not go back with it: the last millisecond stays until the clock has
caught up, and a counter tells the ids apart. After a restart they do go back; that is what is played here.
"""

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest
import time_machine
import uuid_utils

from proxy.record import COMPLETE, Batch
from proxy.relay.capture import exchange as module
from proxy.relay.capture.exchange import Exchange
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.spool import Spool
from proxy.store.ingest import replay
from proxy.store.models import Exchange as Row
from proxy.store.models import Rollup, month_of
from proxy.store.pipeline import pipeline
from tests.operations.conftest import LIMIT
from tests.relay.examples import make_head

pytestmark = pytest.mark.django_db

NEW_YEAR = datetime(2027, 1, 1, 0, 30, tzinfo=UTC)


@pytest.fixture
def ids_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "uuid7", lambda: uuid_utils.uuid7(nanoseconds=time.time_ns()))


async def begin(spool: Spool) -> Exchange:
    exchange = Exchange(spool, lambda _: None)
    head = msgspec.structs.replace(make_head(), id=exchange.id, started_at=exchange.started_at)
    await exchange.open(head, b"")
    exchange.answered(200, [])
    exchange.feed(b"data: 1\n\n")
    return exchange


def end(exchange: Exchange) -> None:
    exchange.feed(b"data: 2\n\n")
    exchange.finish(COMPLETE)


async def across_the_step(spool: Spool) -> list[Exchange]:
    """Before, across and after a step from half past midnight of the new year back into the old one."""
    with time_machine.travel(NEW_YEAR, tick=True):
        before, across = [await begin(spool) for _ in range(20)], [await begin(spool) for _ in range(20)]
        for exchange in before:
            end(exchange)
    with time_machine.travel(NEW_YEAR - timedelta(hours=3), tick=True):
        after = [await begin(spool) for _ in range(20)]
        for exchange in across + after:
            end(exchange)
    return before + across + after


def ship(spool: Spool) -> None:
    serials = spool.take(100, LIMIT)
    records = [found for serial in serials if (found := read_record(spool, serial))]
    replay.store(Batch(spool.id, spool.accepted, spool.dropped, records))
    spool.discard(serials)


@pytest.fixture
def stepped(root: Path) -> Callable[[], list[Exchange]]:
    def run() -> list[Exchange]:
        spool = Spool(root / "0", LIMIT)
        exchanges = asyncio.run(across_the_step(spool))
        ship(spool)
        spool.shut()
        return exchanges

    return run


def test_across_a_step_back_every_exchange_is_stored_once_with_a_duration(
    stepped: Callable[[], list[Exchange]],
) -> None:
    exchanges = stepped()

    rows = {str(row.pk): row for row in Row.objects.all()}
    assert len({exchange.id for exchange in exchanges}) == len(rows) == 60
    assert set(rows) == {exchange.id for exchange in exchanges}
    assert min(row.duration_ms for row in rows.values()) >= 0
    assert min(row.first_byte_ms or 0 for row in rows.values()) >= 0
    found = pipeline()
    assert (found.accepted, found.stored, found.waiting, found.dropped, found.gaps) == (60, 60, 0, 0, 0)


def test_within_a_process_ids_keep_the_order_of_arrival() -> None:
    ids = [Exchange(None, lambda _: None).id for _ in range(20_000)]

    assert ids == sorted(set(ids))


@pytest.mark.usefixtures("ids_of_the_clock")
def test_ids_that_went_back_with_the_clock_lie_in_the_month_and_hour_that_it_showed(
    stepped: Callable[[], list[Exchange]],
) -> None:
    exchanges = stepped()

    rows = {str(row.pk): row for row in Row.objects.all()}
    months = [month_of(rows[exchange.id].pk).date().isoformat() for exchange in exchanges]
    assert months == ["2027-01-01"] * 40 + ["2026-12-01"] * 20
    assert all(abs(row.started_at.timestamp() - (row.pk.int >> 80) / 1000) < 1 for row in rows.values())
    hours = dict(Rollup.objects.values_list("hour", "requests"))
    assert hours == {
        datetime(2027, 1, 1, 0, tzinfo=UTC): 40,
        datetime(2026, 12, 31, 21, tzinfo=UTC): 20,
    }
