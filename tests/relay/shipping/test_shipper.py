"""The shipper's decisions, with a real Redis, Celery's real result backend, and a time that the test sets."""

import errno
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy import record
from proxy.batch import BatchWriter
from proxy.relay.shipping import shipper as module
from proxy.relay.shipping.broker import Broker, BrokerDown
from proxy.relay.shipping.shipper import Shipper
from proxy.relay.spool.spool import Spool
from tests.relay.disk import newest_segment, no_file_beyond
from tests.relay.examples import make_closing, make_head, put
from tests.relay.faults import kernel
from tests.relay.redis_server import OwnRedis, celery_may_be_old_fashioned
from tests.relay.shipping.scene import Scene, scene_of

LIMIT = 64 * 1024**2

pytestmark = celery_may_be_old_fashioned


@pytest.fixture
def scene(own: OwnRedis, tmp_path: Path) -> Iterator[Scene]:
    with scene_of(own, tmp_path / "spool") as made:
        yield made


def accept(spool: Spool, body: bytes = b"body", response: bytes = b"answer") -> int:
    entry = spool.open(record.encode(make_head(body)), body)
    spool.close(entry, response, record.encode(make_closing(response)))
    return entry.serial


def test_what_a_worker_committed_is_deleted_and_nothing_before(scene: Scene) -> None:
    accept(scene.spool)
    scene.turn()
    assert (scene.broker.serials(), scene.spool.waiting) == ([[1]], 1)
    assert scene.broker.batches[0].records[0].request_body == b"body"

    scene.report("STARTED")
    scene.turn()
    assert scene.spool.waiting == 1

    scene.report("SUCCESS")
    scene.turn()
    assert scene.spool.waiting == 0
    assert not scene.own.client.keys("celery-task-meta-*")


def test_a_batch_that_waits_in_the_queue_is_not_sent_again(scene: Scene) -> None:
    accept(scene.spool)
    for _ in range(5):
        scene.turn(3600)

    assert (scene.broker.serials(), scene.own.waiting()) == ([[1]], 1)


def test_a_batch_whose_redis_was_wiped_is_sent_again(scene: Scene) -> None:
    accept(scene.spool)
    scene.turn()
    scene.own.client.flushall()
    scene.turn()

    assert (scene.broker.serials(), scene.own.waiting()) == ([[1], [1]], 1)


def test_a_batch_that_was_taken_and_never_confirmed_is_sent_again_in_time(scene: Scene) -> None:
    accept(scene.spool)
    scene.turn()
    scene.report("STARTED")
    scene.turn()
    scene.turn(module.TAKEN_TIMEOUT_SECONDS - 1)
    assert scene.broker.serials() == [[1]]

    scene.turn(1)
    assert scene.broker.serials() == [[1], [1]]


def test_a_batch_that_died_with_its_worker_unreported_is_sent_again(scene: Scene) -> None:
    accept(scene.spool)
    scene.turn()
    scene.own.client.rpop("ingest")
    scene.turn()
    scene.own.client.lpush("ingest", "another proxy's batch")
    scene.turn(module.TAKEN_TIMEOUT_SECONDS - 1)
    assert scene.broker.serials() == [[1]]

    scene.turn(1)
    assert scene.broker.serials() == [[1], [1]]


def test_a_batch_that_failed_is_sent_again_after_a_pause(scene: Scene) -> None:
    accept(scene.spool)
    scene.turn()
    scene.report("STARTED")
    scene.turn(20)
    scene.report("FAILURE")
    scene.turn(20)
    scene.turn(module.FAILED_PAUSE_SECONDS - 1)
    assert scene.broker.serials() == [[1]]

    scene.turn(1)
    assert scene.broker.serials() == [[1], [1]]


def test_at_most_four_batches_are_unconfirmed(scene: Scene) -> None:
    for _ in range(6 * module.MAX_RECORDS):
        accept(scene.spool)
    for _ in range(5):
        scene.turn(10)
    assert [len(serials) for serials in scene.broker.serials()] == [100] * 4

    scene.report("SUCCESS", message=2)
    scene.turn()
    assert scene.broker.serials()[4][0] == 401
    assert scene.own.waiting() == 5


def test_records_wait_for_company_but_a_full_batch_does_not(scene: Scene) -> None:
    scene.turn()
    accept(scene.spool)
    scene.turn(module.LINGER_SECONDS / 2)
    assert scene.broker.serials() == []

    for _ in range(module.MAX_RECORDS):
        accept(scene.spool)
    scene.turn(0.01)
    assert [len(serials) for serials in scene.broker.serials()] == [100, 1]


def test_a_record_larger_than_a_batch_is_shipped(scene: Scene) -> None:
    accept(scene.spool, bytes(3 * module.MAX_BYTES), bytes(2 * module.MAX_BYTES))
    scene.turn()

    [found] = scene.broker.batches[0].records
    assert (len(found.request_body), len(found.response_body)) == (3 * module.MAX_BYTES, 2 * module.MAX_BYTES)


def test_while_redis_is_down_nothing_is_lost_and_the_order_stays(scene: Scene) -> None:
    for _ in range(3):
        accept(scene.spool)
    scene.own.stop()
    for _ in range(3):
        with pytest.raises(BrokerDown):
            scene.turn()

    assert (scene.spool.waiting, scene.spool.ready, scene.spool.dropped) == (3, 3, 0)
    assert scene.spool.take(10, 10**6) == [1, 2, 3]


def test_while_redis_is_down_what_the_disk_refused_is_written_when_it_can_be(scene: Scene) -> None:
    accept(scene.spool)
    scene.turn()
    counts, entry = scene.root / "0" / "counts", scene.spool.open(record.encode(make_head()), b"")
    segment = newest_segment(scene.root / "0")
    with no_file_beyond(segment.stat().st_size), kernel() as refusing:
        refusing.fail("pwrite", errno.EIO, range(100))
        scene.spool.close(entry, b"", record.encode(make_closing()))
        accept(scene.spool)
    before = segment.stat().st_size
    assert counts.read_text().split()[2] == f"{0:020d}"

    scene.own.stop()
    with pytest.raises(BrokerDown):
        scene.turn(module.BEAT_SECONDS)

    assert segment.stat().st_size > before
    assert counts.read_text().split()[2] == f"{1:020d}"


def test_a_record_that_nobody_can_decode_is_set_aside_and_the_rest_goes_on(scene: Scene) -> None:
    put(scene.spool)
    accept(scene.spool)
    scene.turn(1)

    assert scene.broker.serials() == [[2]]
    assert (scene.spool.dropped, scene.spool.waiting, scene.broker.batches[0].dropped) == (1, 1, 1)
    assert list((scene.root / "0" / "damaged").iterdir())
    assert scene.heartbeat(scene.spool)["dropped"] == 1


def test_a_record_whose_beginning_is_damaged_is_left_out(scene: Scene) -> None:
    accept(scene.spool)
    path = newest_segment(scene.root / "0")
    path.write_bytes(path.read_bytes().replace(b"nexus.example", b"nexus-example"))
    scene.turn()

    assert (scene.broker.serials(), scene.spool.dropped, scene.spool.waiting) == ([], 1, 0)


def test_the_heartbeat_says_what_the_spool_holds(scene: Scene) -> None:
    accept(scene.spool)
    scene.spool.open(b"head", b"")
    scene.turn()

    beat = scene.heartbeat(scene.spool)
    assert (beat["accepted"], beat["waiting"], beat["dropped"], beat["bodies_dropped"]) == (2, 2, 0, 0)
    assert beat["used_bytes"] == scene.spool.used > 0


def leave_behind(root: Path, name: str, count: int) -> Spool:
    """What a process that died has left."""
    dead = Spool(root / name, LIMIT)
    for _ in range(count):
        accept(dead)
    dead.shut()
    return dead


def test_leftovers_are_shipped_under_their_own_name_and_then_let_go(scene: Scene) -> None:
    dead = leave_behind(scene.root, "1", 2)
    scene.turn()
    assert [batch.spool for batch in scene.broker.batches] == [dead.id]

    scene.report("SUCCESS")
    scene.turn()
    scene.turn(module.LEFTOVERS_EVERY_SECONDS)
    beat = scene.heartbeat(dead)
    assert (beat["accepted"], beat["waiting"]) == (2, 0)

    for _ in range(3):
        scene.turn(module.LEFTOVERS_EVERY_SECONDS)
    assert scene.broker.serials() == [[1, 2]]
    Spool(scene.root / "1", LIMIT).shut()


def test_leftovers_and_new_records_are_shipped_in_turn(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_RECORDS", 2)
    dead = leave_behind(scene.root, "1", 10)
    for _ in range(10):
        accept(scene.spool)
    scene.turn()

    assert [batch.spool for batch in scene.broker.batches].count(dead.id) == 2


def test_an_error_while_sending_loses_no_record(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    accept(scene.spool, b"half a batch")
    accept(scene.spool)

    def fail(*_: object) -> bytes:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(BatchWriter, "finish", fail)
        with pytest.raises(MemoryError):
            scene.turn()
    scene.turn()

    assert scene.broker.serials() == [[1, 2]]


def test_a_batch_is_read_by_fewer_calls_than_it_has_records(scene: Scene, reads: list[int]) -> None:
    for _ in range(50):
        accept(scene.spool)
    reads.clear()

    scene.turn()

    assert scene.spool.ready == 0
    assert 0 < len(reads) < 5


def test_one_record_of_a_batch_is_in_memory_at_a_time(scene: Scene) -> None:
    size = 190_000
    accept(scene.spool)
    scene.turn()  # what Celery imports for the first message is none of it
    for number in range(20):
        accept(scene.spool, bytes([number]) * size, b"")
    broker = Broker()
    tracemalloc.start()
    try:
        Shipper(scene.root, scene.spool, broker).ship()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
        broker.close()

    assert scene.spool.ready == 0
    assert peak < 4 * size
