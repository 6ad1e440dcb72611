"""What the shipper knows of its batches, from a real Redis and Celery's own result backend."""

import json
import time
from collections.abc import Callable, Iterator
from importlib import import_module

import msgspec
import pytest
from celery import Celery, current_app
from celery.contrib.testing.worker import start_worker

from nexus_project.celery import app as product
from proxy.heartbeat import Heartbeat
from proxy.record import INGEST_TASK
from proxy.relay.shipping.broker import KEY_PREFIX, MARKER_SECONDS, Broker, BrokerDown, State
from tests.relay.redis_server import OwnRedis, celery_may_be_old_fashioned

pytestmark = celery_may_be_old_fashioned


@pytest.fixture
def broker(own: OwnRedis) -> Iterator[Broker]:
    made = Broker()
    yield made
    made.close()


def state_of(broker: Broker, task_id: str) -> State:
    [only] = broker.states([task_id])
    return only


def test_a_batch_that_nobody_took_is_waiting(broker: Broker, own: OwnRedis) -> None:
    task_id = broker.send(b"payload")

    assert state_of(broker, task_id) is State.WAITING
    assert own.waiting() == 1


def test_a_batch_that_left_the_queue_without_a_report_is_taken(broker: Broker, own: OwnRedis) -> None:
    task_id = broker.send(b"payload")
    own.client.rpop("ingest")

    assert state_of(broker, task_id) is State.TAKEN


@pytest.mark.parametrize(
    ("reported", "state"),
    [
        ("STARTED", State.TAKEN),
        ("RETRY", State.TAKEN),
        ("SUCCESS", State.DONE),
        ("FAILURE", State.FAILED),
        ("REVOKED", State.FAILED),
    ],
)
def test_what_a_worker_reports_is_understood(
    broker: Broker, own: OwnRedis, reported: str, state: State
) -> None:
    task_id = broker.send(b"payload")
    result = ValueError("why") if reported in {"RETRY", "FAILURE", "REVOKED"} else 0
    current_app.backend.store_result(task_id, result, reported)

    assert state_of(broker, task_id) is state


def test_a_batch_that_was_forgotten_or_wiped_is_gone(broker: Broker, own: OwnRedis) -> None:
    forgotten, wiped = broker.send(b"one"), broker.send(b"two")
    broker.forget([forgotten])
    assert state_of(broker, forgotten) is State.GONE

    own.client.flushall()
    assert state_of(broker, wiped) is State.GONE


def test_nothing_is_left_in_redis_of_a_batch_that_came_through(broker: Broker, own: OwnRedis) -> None:
    """Neither keys nor subscriptions, which would fill Redis' buffers, as nobody reads them."""
    # Loaded later, it would give this app the store's task beside the one below.
    import_module("proxy.store.tasks")
    receiver = Celery("receiver", set_as_current=False)
    receiver.conf.update(
        {**(product.conf.changes or {}), "broker_url": own.server.url, "result_backend": own.server.url}
    )
    receiver.finalize()
    receiver.tasks.pop(INGEST_TASK)  # the store's
    received: list[bytes] = []

    @receiver.task(name=INGEST_TASK, ignore_result=False)
    def receive(payload: bytes) -> None:
        received.append(payload)

    with start_worker(receiver, pool="solo", queues=["ingest"], perform_ping_check=False):
        task_id = broker.send(b"\x00the payload\xff")
        deadline = time.monotonic() + 20
        while state_of(broker, task_id) is not State.DONE and time.monotonic() < deadline:
            time.sleep(0.02)
        broker.forget([task_id])
        left = own.keys_of(task_id)

    assert received == [b"\x00the payload\xff"]
    assert left == []


def test_no_body_is_shown_where_celery_shows_arguments(broker: Broker, own: OwnRedis) -> None:
    broker.send(b"a body that stays private")

    message = json.loads(own.client.lindex("ingest", 0) or "")
    assert message["headers"]["argsrepr"] == "(a batch)"
    assert "private" not in json.dumps(message)


def test_a_marker_that_is_kept_outlives_its_time_and_one_that_was_wiped_stays_gone(
    broker: Broker, own: OwnRedis
) -> None:
    waiting, wiped = broker.send(b"payload"), broker.send(b"payload")
    own.client.expire(KEY_PREFIX + waiting, 1)
    own.client.delete(KEY_PREFIX + wiped)

    broker.keep([waiting, wiped])

    assert own.client.ttl(KEY_PREFIX + waiting) > MARKER_SECONDS - 60
    assert broker.states([waiting, wiped]) == [State.WAITING, State.GONE]


def test_a_spool_reports_what_it_holds(broker: Broker, own: OwnRedis) -> None:
    beat = Heartbeat(accepted=5, dropped=2, waiting=3, at=1.5)
    broker.report("a-spool", beat)

    assert msgspec.json.decode(own.heartbeat("a-spool") or b"", type=Heartbeat) == beat


@pytest.mark.parametrize(
    "call",
    [
        lambda broker: broker.send(b"payload"),
        lambda broker: broker.states(["some-id"]),
        lambda broker: broker.forget(["some-id"]),
        lambda broker: broker.report("a-spool", Heartbeat()),
        lambda broker: broker.keep(["some-id"]),
    ],
)
def test_without_redis_every_call_says_so_at_once(
    broker: Broker, own: OwnRedis, call: Callable[[Broker], object]
) -> None:
    broker.send(b"before")
    own.stop()
    began = time.monotonic()

    with pytest.raises(BrokerDown):
        call(broker)

    assert time.monotonic() - began < 5


def test_all_batches_are_asked_for_and_forgotten_by_one_question_each(broker: Broker, own: OwnRedis) -> None:
    ids = [broker.send(b"payload") for _ in range(4)]
    before = own.client.info("stats")["total_commands_processed"]
    assert broker.states(ids) == [State.WAITING] * 4
    broker.forget(ids)
    assert broker.states([]) == []
    broker.forget([])
    after = own.client.info("stats")["total_commands_processed"]

    # MULTI, MGET, LLEN, EXEC, DEL, and INFO itself.
    assert after - before <= 6
