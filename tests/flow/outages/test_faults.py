"""Zero loss and traffic first: processes are killed and servers taken away while clients stream."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace
from uuid import uuid4

import httpx
import pytest

from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

ASK = {
    "model": "claude-sonnet-5",
    "max_tokens": 500,
    "stream": True,
    "messages": [{"role": "user", "content": "go on"}],
}


def test_after_kill_9_of_the_proxy_a_running_exchange_is_stored_as_aborted(shared: Nexus) -> None:
    mark = uuid4().hex
    client = shared.client(**{"x-emulate": "events=500,event-delay-ms=20", "x-test-id": mark})
    with client.stream("POST", "/v1/messages", json=ASK) as response:
        fragments = response.iter_raw()
        next(fragments)
        shared.proxy.kill()
        with pytest.raises(httpx.HTTPError):
            list(fragments)

    shared.proxy.start()

    wait_for(lambda: shared.outcomes(mark))
    assert shared.outcomes(mark) == ["aborted"]


def test_a_stopped_proxy_lets_its_streams_end_and_ships_every_record(shared: Nexus) -> None:
    mark = uuid4().hex
    client = shared.client(**{"x-emulate": "events=40,event-delay-ms=20", "x-test-id": mark})
    with client.stream("POST", "/v1/messages", json=ASK) as response:
        fragments = response.iter_raw()
        next(fragments)
        stopping = threading.Timer(0.1, shared.proxy.stop)
        stopping.start()
        events = b"".join(fragments)
    stopping.join()

    assert b"message_stop" in events
    wait_for(lambda: shared.outcomes(mark))
    assert shared.outcomes(mark) == ["complete"]


def test_with_the_worker_gone_traffic_goes_on_and_its_records_come_later(shared: Nexus) -> None:
    shared.worker.kill()
    ids = [shared.client().post("/v1/messages", json=ASK).headers["x-nexus-id"] for _ in range(5)]

    shared.worker.start()

    assert [shared.stored(exchange_id)["outcome"] for exchange_id in ids] == ["complete"] * 5


def test_with_the_database_gone_the_last_snapshot_serves_and_nothing_is_lost(shared: Nexus) -> None:
    wait_for(lambda: shared.client().get("/health/ready").status_code == 200)
    server, _, name = shared.database.rpartition("/")
    beside = replace(shared, database=f"{server}/postgres")
    beside.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
    try:
        beside.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", name)
        started = time.monotonic()
        response = shared.client().post("/v1/messages", json=ASK)
        took = time.monotonic() - started
        ready = shared.client().get("/health/ready").status_code
        stats = shared.client().get("/token-stats")
    finally:
        beside.execute(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")

    assert (response.status_code, ready) == (200, 200)
    assert took < 2
    assert (stats.status_code, "PostgreSQL does not answer" in stats.text) == (503, True)
    assert shared.stored(response.headers["x-nexus-id"])["outcome"] == "complete"


def test_each_exchange_is_stored_once_though_the_proxy_restarts_at_once(own: Nexus) -> None:
    ids = {own.client().post("/v1/messages", json=ASK).headers["x-nexus-id"] for _ in range(20)}
    own.proxy.kill()

    own.proxy.start()

    for exchange_id in ids:
        own.stored(exchange_id)
    wait_for(lambda: own.rows("SELECT sum(stored)::int AS n FROM proxy_spool")[0]["n"] == 20)
    assert own.rows("SELECT sum(requests)::int AS n FROM proxy_rollup") == [{"n": 20}]


def test_with_redis_gone_and_wiped_the_client_notices_nothing_and_the_record_follows(
    make_nexus: Callable[..., Nexus], own_redis: Process
) -> None:
    own = make_nexus(REDIS_URL=f"redis://127.0.0.1:{own_redis.service.environment['PORT']}/0")
    own.stored(own.client().post("/v1/messages", json=ASK).headers["x-nexus-id"])
    own_redis.kill()
    started = time.monotonic()
    ids = [own.client().post("/v1/messages", json=ASK).headers["x-nexus-id"] for _ in range(3)]
    took = time.monotonic() - started

    own_redis.start()

    assert took < 3
    assert [own.stored(exchange_id)["outcome"] for exchange_id in ids] == ["complete"] * 3
