"""Two shippers on one spool: the lock keeps them apart, and where it does not, each record is stored once."""

from pathlib import Path

import pytest

from proxy.record import Batch
from proxy.relay.spool import directory as module
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.spool import Spool
from proxy.store.bodies.blobs import body_of
from proxy.store.ingest import replay
from proxy.store.models import Exchange
from proxy.store.pipeline import pipeline
from tests.operations.conftest import LIMIT, accept, left_behind

pytestmark = pytest.mark.django_db


class NoLock:
    """As a network file system without locks answers: everybody gets it."""

    LOCK_EX = LOCK_NB = LOCK_SH = 0

    @staticmethod
    def flock(*_: object) -> None: ...


@pytest.fixture
def stolen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "fcntl", NoLock)


def ship(spool: Spool) -> int:
    """Everything that is ready, up to the commit; how many were new."""
    serials = spool.take(1000, LIMIT)
    records = [found for serial in serials if (found := read_record(spool, serial))]
    new = replay.store(Batch(spool.id, spool.accepted, spool.dropped, records))
    spool.discard(serials)
    return new


@pytest.mark.usefixtures("stolen")
def test_with_a_stolen_lock_both_ship_and_each_record_is_stored_once(root: Path) -> None:
    ids = left_behind(root, 20)
    first, second = Spool(root / "0", LIMIT), Spool(root / "0", LIMIT)

    shipped = [ship(first), ship(second)]

    assert first.id == second.id
    assert shipped == [20, 0]
    assert {str(key) for key in Exchange.objects.values_list("pk", flat=True)} == set(ids)
    found = pipeline()
    assert (found.accepted, found.stored, found.waiting, found.dropped, found.gaps) == (20, 20, 0, 0, 0)
    first.shut()
    second.shut()


@pytest.mark.usefixtures("stolen")
def test_with_a_stolen_lock_nobody_writes_over_the_others_new_records(root: Path) -> None:
    first, second = Spool(root / "0", 100_000), Spool(root / "0", 100_000)
    bodies = {
        accept(item, bytes([number]) * 4000): bytes([number]) * 4000
        for number in range(12)
        for item in (first, second)
    }

    stored = ship(first) + ship(second)

    assert stored == len(bodies) == 24
    assert {body_of(row.pk, "request") for row in Exchange.objects.all()} == set(bodies.values())
    assert (first.dropped, second.dropped, first.bodies_dropped, second.bodies_dropped) == (0, 0, 0, 0)
    assert pipeline().stored == pipeline().accepted == 24
    first.shut()
    second.shut()


@pytest.mark.usefixtures("stolen")
def test_what_one_deleted_under_the_others_hands_is_stored_by_the_one(root: Path) -> None:
    ids = left_behind(root, 5)
    first, second = Spool(root / "0", LIMIT), Spool(root / "0", LIMIT)
    taken = second.take(10, LIMIT)
    ship(first)
    first.shut()

    read = [read_record(second, serial) for serial in taken]

    assert read == [None] * 5
    assert (second.waiting, second.dropped, second.bodies_dropped) == (0, 0, 0)
    assert {str(key) for key in Exchange.objects.values_list("pk", flat=True)} == set(ids)
    second.shut()
