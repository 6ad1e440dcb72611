"""The shipper sends a large file of results part by part, and deletes nothing before the last one was committed."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import record
from proxy.record import Part
from proxy.relay.shipping import shipper as module
from proxy.relay.shipping.broker import BrokerDown
from proxy.relay.spool.spool import Spool
from tests.relay.examples import make_closing, make_head
from tests.relay.large import FRAGMENTS, accept_results, small_bounds
from tests.relay.redis_server import OwnRedis, celery_may_be_old_fashioned
from tests.relay.shipping.scene import Scene, scene_of

LIMIT = 64 * 1024**2

pytestmark = celery_may_be_old_fashioned


@pytest.fixture(autouse=True)
def _small_bounds(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(module, "MAX_BYTES", 2000)
    with small_bounds():
        yield


@pytest.fixture
def scene(own: OwnRedis, tmp_path: Path) -> Iterator[Scene]:
    with scene_of(own, tmp_path / "spool") as made:
        yield made


def accept(spool: Spool) -> None:
    entry = spool.open(record.encode(make_head(b"body")), b"body")
    spool.close(entry, b"answer", record.encode(make_closing(b"answer")))


def test_a_part_is_sent_when_the_one_before_was_committed_and_the_last_commit_deletes(scene: Scene) -> None:
    accept_results(scene.spool)
    for sent in ([0], [0, 3000], [0, 3000, 6000], [0, 3000, 6000, 9000]):
        scene.turn()
        scene.turn()
        assert (scene.broker.offsets(), scene.spool.waiting) == (sent, 1)
        scene.report("SUCCESS")
    scene.turn()

    assert (scene.spool.waiting, scene.spool.ready, len(scene.broker.ids)) == (0, 0, 4)
    assert not scene.own.client.keys("celery-task-meta-*")


def test_other_records_go_between_the_parts(scene: Scene) -> None:
    accept_results(scene.spool)
    accept_results(scene.spool)
    accept(scene.spool)
    scene.turn()
    scene.report("SUCCESS", 0)
    accept(scene.spool)
    scene.turn()

    assert scene.broker.offsets() == [0, 0, "batch", 3000, "batch"]


def test_of_many_files_of_results_two_are_under_way_and_other_records_pass_them(scene: Scene) -> None:
    for _ in range(6):
        accept_results(scene.spool)
    accept(scene.spool)
    scene.turn()
    scene.report("SUCCESS", 1)
    accept(scene.spool)
    scene.turn()

    assert scene.broker.offsets() == [0, 0, "batch", 3000, "batch"]
    assert scene.spool.ready == 4


def test_a_file_of_results_whose_next_part_is_due_is_under_way(scene: Scene) -> None:
    for _ in range(3):
        accept_results(scene.spool)
    scene.turn()
    scene.report("SUCCESS", 0)
    scene.report("SUCCESS", 1)
    scene.shipper.confirm(scene.now)
    scene.shipper.ship()

    assert scene.broker.offsets() == [0, 0]


@pytest.mark.parametrize("trouble", ["FAILURE", "STARTED", "wiped"])
def test_a_part_that_was_not_committed_begins_its_record_again(scene: Scene, trouble: str) -> None:
    accept_results(scene.spool)
    scene.turn()
    scene.report("SUCCESS")
    scene.turn()
    if trouble == "wiped":
        scene.own.client.flushall()
    else:
        scene.report(trouble)
    scene.turn()
    scene.turn(module.TAKEN_TIMEOUT_SECONDS)
    scene.report("SUCCESS")
    scene.turn()

    assert scene.broker.offsets() == [0, 3000, 0, 3000]
    assert (scene.spool.waiting, scene.spool.dropped) == (1, 0)


def test_a_broker_that_goes_down_between_two_parts_costs_nothing(scene: Scene) -> None:
    accept_results(scene.spool)
    scene.turn()
    scene.report("SUCCESS")
    scene.broker.down = True
    with pytest.raises(BrokerDown):
        scene.turn()
    with pytest.raises(BrokerDown):
        scene.turn()
    assert (scene.spool.ready, scene.spool.waiting) == (1, 1)

    scene.broker.down = False
    for _ in range(5):
        scene.turn()
        scene.report("SUCCESS")
    assert scene.broker.offsets() == [0, 0, 3000, 6000, 9000]
    scene.turn()
    assert scene.spool.waiting == 0


def test_after_a_restart_the_parts_begin_again_and_the_last_commit_deletes(scene: Scene) -> None:
    dead = Spool(scene.root / "1", LIMIT)
    exchange = accept_results(dead)
    dead.shut()
    scene.turn()
    for _ in range(5):
        scene.report("SUCCESS")
        scene.turn()

    assert scene.broker.offsets() == [0, 3000, 6000, 9000]
    last = scene.broker.messages[-1]
    assert isinstance(last, Part)
    assert last.batch
    assert (last.exchange, last.batch.spool, last.batch.records[0].head.id) == (exchange, dead.id, exchange)
    scene.turn(module.LEFTOVERS_EVERY_SECONDS)
    assert not any(path.stat().st_size for path in (scene.root / "1").glob("*.seg"))


def test_a_large_record_that_cannot_be_read_is_given_up(scene: Scene) -> None:
    entry = scene.spool.open(b"no head", b"")
    for fragment in FRAGMENTS:
        scene.spool.append(entry, fragment)
    scene.spool.close(entry, b"", b"no end")
    scene.turn()

    assert (scene.broker.offsets(), scene.spool.dropped, scene.spool.waiting) == ([], 1, 0)


def test_a_stop_waits_for_parts_until_its_time_is_up(scene: Scene) -> None:
    accept_results(scene.spool)
    scene.shipper.start()
    scene.shipper.stop(0.5)

    assert (scene.broker.offsets(), scene.spool.waiting) == ([0], 1)


def test_a_part_whose_turn_comes_is_waited_for_when_it_stops(scene: Scene) -> None:
    accept_results(scene.spool)
    scene.turn()
    scene.report("SUCCESS")
    scene.shipper.confirm(scene.now)
    scene.shipper._ending.set()

    assert not scene.shipper._done()


def test_while_a_part_is_on_its_way_it_looks_more_often(scene: Scene) -> None:
    accept(scene.spool)
    assert scene.shipper._guarded_turn() == module.TICK_SECONDS

    accept_results(scene.spool)
    scene.shipper._next_ship = 0
    assert scene.shipper._guarded_turn() == module.SHORT_TICK_SECONDS
