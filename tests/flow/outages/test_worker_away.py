"""No worker runs for a long time: memory, spool and Redis stay bounded, and what waited is stored when one comes back."""

import asyncio
import json
import os
from pathlib import Path

import httpx
import pytest
import redis

from nexus_project.celery import WORKER_NICENESS
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests.flow.conftest import Nexus
from tests.flow.operator import manage, spools
from tests.flow.services import Process, wait_for

COUNT = 1000
TEXT = "the same question again and again, " * 300
ASK = {"model": "claude-sonnet-5", "max_tokens": 30, "messages": [{"role": "user", "content": TEXT}]}


async def ask(urls: list[str], count: int) -> list[str]:
    """So many requests, a few at a time; their ids."""
    limit = asyncio.Semaphore(8)

    async def ask_once(client: httpx.AsyncClient, number: int) -> str:
        async with limit:
            response = await client.post(f"{urls[number % len(urls)]}/v1/messages", json=ASK)
        assert response.status_code == 200
        return response.headers["x-nexus-id"]

    async with httpx.AsyncClient(timeout=60, headers={"anthropic-version": "2023-06-01"}) as client:
        return await asyncio.gather(*(ask_once(client, number) for number in range(count)))


def resident_kib(pid: int) -> int:
    """Memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def stored(nexus: Nexus) -> int:
    return int(nexus.rows("SELECT count(*) AS n FROM proxy_exchange")[0]["n"])


@pytest.mark.timeout(300)
def test_while_no_worker_runs_everything_is_bounded_and_nothing_is_lost(own: Nexus) -> None:
    asyncio.run(ask([own.url], 50))
    # Stored is not yet confirmed: a worker killed between the two would leave a batch that only its successor can end.
    wait_for(
        lambda: [(s.accepted, s.stored, s.waiting) for s in spools(own)] == [(50, 50, 0)], 30, own._words
    )
    own.worker.kill()
    client = redis.Redis.from_url(own.worker.environment["REDIS_URL"])
    before = resident_kib(own.proxy.popen.pid), client.info("memory")["used_memory"]

    asyncio.run(ask([own.url], COUNT))
    # If Redis gave one of the four to the worker in the moment of its end, the shipper sends that again after 30 s.
    wait_for(lambda: client.llen("ingest") == 4, 45)
    after = resident_kib(own.proxy.popen.pid), client.info("memory")["used_memory"]

    # A heartbeat is sent once a second, and this one is of the end.
    wait_for(lambda: spools(own)[0].waiting == COUNT, 10)
    [line] = json.loads(manage(own, "spool", "list", "--json").stdout)["spools"]
    assert (line["waiting"], line["dropped"], line["gaps"]) == (COUNT, 0, 0)
    assert COUNT * len(TEXT) < line["usedBytes"] < 2 * COUNT * len(TEXT)
    assert client.llen("ingest") == 4
    assert after[1] - before[1] < 4 * 1024**2
    assert after[0] - before[0] < 24 * 1024
    # The markers of the waiting batches are about to expire, as they are a day later; one that did would be sent again.
    for key in client.keys("celery-task-meta-*"):
        client.expire(key, 8)
    wait_for(lambda: all(client.ttl(key) > 3600 for key in client.keys("celery-task-meta-*")), 10)
    assert client.llen("ingest") == 4

    own.worker.start()

    wait_for(lambda: stored(own) == COUNT + 50, 90, own._words)
    wait_for(lambda: spools(own)[0].waiting == 0, 20)
    [found] = spools(own)
    assert (found.accepted, found.stored, found.dropped, found.gaps) == (COUNT + 50, COUNT + 50, 0, 0)
    client.close()


def test_two_proxies_on_one_folder_keep_apart_and_everything_is_stored_once(own: Nexus) -> None:
    data_dir = Path(own.worker.environment["NEXUS_DATA_DIR"])
    place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), data_dir, 1, grace_seconds=2)
    second = Process(commands.proxy(place), own.worker.environment, own.data_dir / "second.log").start()
    urls = [own.url, second.service.ready_url.removesuffix("/health/ready")]

    ids = asyncio.run(ask(urls, 60))
    second.kill()  # the first one ships what it left
    wait_for(lambda: stored(own) == 60, 30, own._words)

    rows = {str(row["id"]) for row in own.rows("SELECT id FROM proxy_exchange")}
    found = spools(own)
    assert rows == set(ids)
    assert len(found) == 2
    assert (sum(spool.accepted for spool in found), sum(spool.stored for spool in found)) == (60, 60)
    assert sum(spool.waiting + spool.lost for spool in found) == 0
    assert own.rows("SELECT sum(requests)::int AS n FROM proxy_rollup") == [{"n": 60}]


def test_on_a_shared_machine_a_worker_waits_for_the_proxy(shared: Nexus) -> None:
    normal = os.getpriority(os.PRIO_PROCESS, 0)
    worker = shared.worker.popen.pid

    wait_for(
        lambda: os.getpriority(os.PRIO_PROCESS, worker) == min(19, normal + WORKER_NICENESS),
        20,
        shared._words,
    )
    assert os.getpriority(os.PRIO_PROCESS, shared.proxy.popen.pid) == normal

    session = Path(f"/proc/{worker}/autogroup")
    if session.exists():  # a kernel may not weigh sessions
        lowered = ["nice", str(WORKER_NICENESS)]
        wait_for(lambda: session.read_text().split()[-2:] == lowered, 20, shared._words)
