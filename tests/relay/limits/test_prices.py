"""The price table at the door: an operator's price counts there within two seconds, and what ships stands in for no table."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from django.db import connection
from pytest_django import Settings

from accounts.access.decision import Snapshot
from accounts.snapshot import file as snapshot_file
from accounts.snapshot.watcher import Watcher
from proxy import price_table
from proxy.relay.limits.prices import PART, DoorPrices
from proxy.store.models import Price
from proxy.store.pricing import upgrade
from proxy.wire.billing.price_book import PriceBook
from tests import watching
from tests.people import make_price
from tests.prices import SHIPPED
from tests.roles import as_owner
from tests.watching import soon

NOW = datetime(2026, 11, 29, tzinfo=UTC)
MODEL = "claude-opus-5"


@pytest.fixture(autouse=True)
def _alone(settings: Settings, tmp_path: Path) -> None:
    settings.CREDENTIALS_DIR = tmp_path
    settings.NEXUS_DATA_DIR = tmp_path / "var"
    settings.CLAUDE_API_KEY = ""


@pytest.fixture
def table() -> None:
    with as_owner():
        upgrade.run()


@pytest.fixture
def running(transactional_db: None, table: None) -> Iterator[Watcher]:
    with watching.running(Watcher((PART,))) as watcher:
        yield watcher


def input_of(book: PriceBook, model: str = MODEL) -> Decimal | None:
    price = book.find(model, NOW)
    return price.rates.input if price else None


def test_an_operators_price_counts_within_two_seconds_and_stops_as_fast(running: Watcher) -> None:
    door = DoorPrices()
    assert input_of(door.book(running.current)) == 5

    with as_owner():
        Price.objects.found().filter(model=MODEL).update(input=Decimal(7))
    soon(lambda: input_of(door.book(running.current)) == 7)

    make_price("claude-next-1")
    soon(lambda: input_of(door.book(running.current), "claude-next-1") == 3)

    with as_owner():
        Price.objects.get(model="claude-next-1").withdraw()
    soon(lambda: input_of(door.book(running.current), "claude-next-1") is None)

    with as_owner():
        Price.objects.filter(model=MODEL).delete()
    soon(lambda: input_of(door.book(running.current)) is None)


@pytest.mark.django_db
def test_the_table_survives_the_snapshots_file_to_the_last_digit(table: None) -> None:
    with as_owner():
        Price.objects.found().filter(model=MODEL).update(input=Decimal("0.123456"), valid_to=NOW)
        make_price("claude-gone-1").withdraw()
    prices = price_table.read()
    snapshot_file.save(Snapshot({}, parts={PART.name: prices}))

    loaded = snapshot_file.load([PART])

    assert loaded is not None
    assert loaded.parts[PART.name] == prices
    assert any(price.withdrawn for price in prices)
    assert any(price.band for price in prices)


@pytest.mark.django_db(transaction=True)
def test_a_missing_right_leaves_the_shipped_prices_and_a_line_in_the_log(
    table: None, caplog: pytest.LogCaptureFixture
) -> None:
    watcher = Watcher((PART,))
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("REVOKE SELECT ON proxy_price FROM nexus_proxy")
    try:
        with caplog.at_level(logging.ERROR):
            watcher.refresh_now()
    finally:
        with as_owner(), connection.cursor() as cursor:
            cursor.execute("GRANT SELECT ON proxy_price TO nexus_proxy")

    assert [record.message for record in caplog.records] == ["access.part_unreadable"]
    assert watcher.current is not None
    assert watcher.current.parts[PART.name] == SHIPPED
    assert input_of(DoorPrices().book(watcher.current)) == 5


def test_before_the_first_snapshot_what_ships_holds() -> None:
    assert input_of(DoorPrices().book(None)) == 5
    assert input_of(DoorPrices().book(Snapshot())) == 5


def test_the_book_is_made_once_for_each_table() -> None:
    door, first = DoorPrices(), Snapshot(parts={PART.name: SHIPPED[:3]})
    book = door.book(first)

    assert door.book(Snapshot(parts=first.parts)) is book
    assert door.book(None) is book  # the last one that was read
    assert door.book(Snapshot(parts={PART.name: list(SHIPPED)})) is not book


def test_an_empty_table_prices_nothing() -> None:
    assert input_of(DoorPrices().book(Snapshot(parts={PART.name: []}))) is None
