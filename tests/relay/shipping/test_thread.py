"""The shipper's thread: it outlives every trouble, does not run hot, and ends in time."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from celery import current_app

from proxy.heartbeat import Heartbeat
from proxy.relay.shipping import shipper as module
from proxy.relay.shipping.broker import Broker, BrokerDown
from proxy.relay.shipping.shipper import Shipper
from proxy.relay.spool.recovery import claim
from proxy.relay.spool.spool import Spool
from tests.relay.redis_server import OwnRedis, celery_may_be_old_fashioned
from tests.relay.shipping.test_shipper import LIMIT, accept, leave_behind

pytestmark = celery_may_be_old_fashioned


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = claim(tmp_path, LIMIT)
    yield made
    made.shut()


class Confirming(Broker):
    """A broker whose worker confirms after the given time."""

    delay = 0.05

    def send(self, payload: bytes) -> str:
        task_id = super().send(payload)
        backend = current_app.backend
        threading.Timer(self.delay, backend.store_result, (task_id, 0, "SUCCESS")).start()
        return task_id


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition()


def test_records_are_shipped_within_a_quarter_of_a_second(
    own: OwnRedis, spool: Spool, tmp_path: Path
) -> None:
    shipper = Shipper(tmp_path, spool)
    shipper.start()
    accept(spool)
    until(lambda: own.waiting() == 1)
    shipper.stop(0)

    assert spool.waiting == 1


def test_stop_ships_what_is_ready_and_says_a_last_word(own: OwnRedis, spool: Spool, tmp_path: Path) -> None:
    shipper = Shipper(tmp_path, spool, Confirming())
    shipper.start()
    for _ in range(250):
        accept(spool)
    spool.open(b"still running", b"")
    began = time.monotonic()
    shipper.stop(10)

    assert time.monotonic() - began < 5
    assert (spool.ready, spool.waiting) == (0, 1)
    assert json.loads(own.heartbeat(spool.id) or b"{}")["waiting"] == 1


def test_stop_keeps_to_its_deadline_and_leaves_the_rest_on_disk(
    own: OwnRedis, spool: Spool, tmp_path: Path
) -> None:
    shipper = Shipper(tmp_path, spool)
    shipper.start()
    accept(spool)
    began = time.monotonic()
    shipper.stop(0.5)

    assert 0.4 < time.monotonic() - began < 2
    assert spool.waiting == 1


def test_stop_does_not_wait_for_what_others_left(own: OwnRedis, spool: Spool, tmp_path: Path) -> None:
    dead = leave_behind(tmp_path, "1", 3)
    shipper = Shipper(tmp_path, spool)
    shipper.start()
    until(lambda: own.waiting() == 1)
    began = time.monotonic()
    shipper.stop(10)

    assert time.monotonic() - began < 2
    after = Spool(tmp_path / "1", LIMIT)
    assert (after.id, after.waiting) == (dead.id, 3)
    after.shut()


def test_what_others_left_waits_when_the_end_has_come(own: OwnRedis, spool: Spool, tmp_path: Path) -> None:
    leave_behind(tmp_path, "1", 3)
    shipper = Shipper(tmp_path, spool)
    shipper.turn(0.0)
    own.client.flushall()
    accept(spool)
    shipper._ending.set()  # or its first turn may come before `stop` does
    shipper.start()
    shipper.stop(0.3)

    assert own.waiting() == 1


@pytest.mark.parametrize("ending", [False, True])
def test_without_redis_it_waits_and_loses_nothing(
    own: OwnRedis, spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture, ending: bool
) -> None:
    tries = 0

    class Counting(Broker):
        def report(self, spool: str, beat: Heartbeat) -> None:
            nonlocal tries
            tries += 1
            super().report(spool, beat)

        def send(self, payload: bytes) -> str:
            nonlocal tries
            tries += 1
            return super().send(payload)

    own.stop()
    shipper = Shipper(tmp_path, spool, Counting())
    accept(spool)
    shipper.start()
    if not ending:
        time.sleep(1.5)
    shipper.stop(1.5)

    assert tries <= 8
    assert spool.waiting == spool.ready == 1
    assert caplog.messages == ["shipper.redis_down", "shipper.last_word_unsaid"]


def test_a_bug_stops_it_for_a_moment_only(
    own: OwnRedis,
    spool: Spool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(module, "DOWN_PAUSE_SECONDS", 0.01)
    failures = iter([ZeroDivisionError("a bug"), BrokerDown("gone"), BrokerDown("gone")])
    turn = Shipper.turn

    def failing(self: Shipper, now: float) -> None:
        if failure := next(failures, None):
            raise failure
        turn(self, now)

    monkeypatch.setattr(Shipper, "turn", failing)
    caplog.set_level("INFO", "nexus")
    shipper = Shipper(tmp_path, spool, Confirming())
    accept(spool)
    shipper.start()
    until(lambda: spool.waiting == 0)
    shipper.stop(5)

    assert caplog.messages == ["shipper.failed", "shipper.redis_down", "shipper.redis_back"]
