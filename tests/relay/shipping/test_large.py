"""Nobody waits behind large records: one of them is under way at a time, and the others overtake it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import record
from proxy.relay.shipping import shipper as module
from proxy.relay.spool.spool import Spool
from tests.relay.examples import make_closing, make_head
from tests.relay.redis_server import OwnRedis, celery_may_be_old_fashioned
from tests.relay.shipping.scene import Scene, scene_of

MOST = 2000

pytestmark = celery_may_be_old_fashioned


@pytest.fixture
def scene(own: OwnRedis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    monkeypatch.setattr(module, "MAX_BYTES", MOST)
    with scene_of(own, tmp_path / "spool") as made:
        yield made


def accept(spool: Spool, size: int = 10) -> None:
    body = bytes(size)
    entry = spool.open(record.encode(make_head(body)), body)
    spool.close(entry, b"", record.encode(make_closing(b"")))


def test_small_records_overtake_large_ones_of_which_one_is_under_way(scene: Scene) -> None:
    for _ in range(3):
        accept(scene.spool, MOST)
    accept(scene.spool)
    scene.turn()
    accept(scene.spool)
    scene.turn()

    assert scene.broker.serials() == [[1], [4], [5]]
    assert scene.spool.ready == 2


def test_the_next_large_record_goes_in_the_turn_in_which_the_one_before_is_stored(scene: Scene) -> None:
    for _ in range(3):
        accept(scene.spool, MOST)
    scene.turn()
    scene.report("SUCCESS")
    scene.turn(0.01)
    scene.report("SUCCESS")
    scene.turn(0.01)

    assert scene.broker.serials() == [[1], [2], [3]]


def test_a_large_record_that_is_sent_again_keeps_its_place(scene: Scene) -> None:
    accept(scene.spool, MOST)
    accept(scene.spool, MOST)
    scene.turn()
    scene.own.client.flushall()
    scene.turn()
    scene.report("SUCCESS")
    scene.turn()

    assert scene.broker.serials() == [[1], [1], [2]]


def test_large_records_that_a_dead_process_left_count_too(scene: Scene) -> None:
    dead = Spool(scene.root / "1", 64 * 1024**2)
    accept(dead, MOST)
    accept(dead)
    dead.shut()
    accept(scene.spool, MOST)
    accept(scene.spool)
    scene.turn()

    # Of both spools one large record, and the small one of the other.
    assert sorted(scene.broker.serials()) == [[1], [2], [2]]


def test_while_a_large_record_is_on_its_way_it_looks_more_often(scene: Scene) -> None:
    accept(scene.spool)
    assert scene.shipper._guarded_turn() == module.TICK_SECONDS

    accept(scene.spool, MOST)
    scene.shipper._next_ship = 0
    assert scene.shipper._guarded_turn() == module.SHORT_TICK_SECONDS
