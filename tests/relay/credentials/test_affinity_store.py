"""Processes share the bindings of sessions through a real Redis: asked rarely, agreed on in one step, and done without."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from proxy.relay.credentials import shared_redis
from proxy.relay.credentials.affinity_store import Binding
from tests.relay.bound import A2, HERE, A, B, Process
from tests.relay.redis_server import OwnRedis


@pytest.fixture
async def pair(own: OwnRedis) -> AsyncIterator[tuple[Process, Process]]:
    """Two processes on one Redis."""
    both = Process(), Process()
    yield both
    for process in both:
        await process.stop()


async def settled(process: Process) -> Binding:
    """The binding once Redis was asked, if that was due."""
    now = time.time()
    if process.affinity.is_stale(HERE, now):
        await process.affinity.share(HERE, now)
    return process.affinity.binding(HERE)


def asked(own: OwnRedis) -> int:
    """How often Redis was asked for a binding."""
    stats = own.client.info("commandstats")
    return int(stats.get("cmdstat_evalsha", {}).get("calls", 0))


async def test_the_first_word_on_a_session_counts_in_all_processes(pair: tuple[Process, Process]) -> None:
    first, second = pair
    first.affinity.bind(HERE, A.key)
    await settled(first)
    second.affinity.bind(HERE, B.key)

    assert await settled(second) == Binding(A.key, "")
    first.response(A)
    await first.affinity.stop()
    third = Process()
    third.updates.organisations.clear()
    third.affinity.bind(HERE, B.key)
    assert await settled(third) == Binding(A.key, "org-a")
    assert third.updates.organisation(A.key) == "org-a"
    await third.stop()


async def test_it_is_asked_once_a_minute_however_many_requests_wait(
    pair: tuple[Process, Process], own: OwnRedis
) -> None:
    process, _ = pair
    process.affinity.bind(HERE, A.key)
    await asyncio.gather(*(settled(process) for _ in range(5)))
    process.response(A)
    await settled(process)
    before = asked(own)
    for _ in range(5):
        process.response(A)
        await settled(process)

    assert asked(own) == before
    now = time.time()
    assert not process.affinity.is_stale(HERE, now + 59)
    assert process.affinity.is_stale(HERE, now + 61)
    assert 86_000 < own.client.ttl(next(own.client.scan_iter("nexus:affinity:*"))) <= 86_400


async def test_of_two_processes_that_move_a_session_the_first_decides(pair: tuple[Process, Process]) -> None:
    first, second = pair
    for process in pair:
        process.affinity.bind(HERE, A.key)
        await settled(process)
    first.response(A)
    await settled(first)
    second.response(A)
    await settled(second)

    first.affinity.bind(HERE, B.key)
    await settled(first)
    second.affinity.bind(HERE, A2.key)
    assert await settled(second) == Binding(B.key, "org-a")


async def test_what_changes_while_it_is_told_is_told_next(pair: tuple[Process, Process]) -> None:
    first, second = pair
    first.affinity.bind(HERE, A.key)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(settled(first))
        for _ in range(3):  # it is on its way to Redis
            await asyncio.sleep(0)
        first.affinity.bind(HERE, B.key)

    assert await settled(first) == Binding(B.key, "")
    second.affinity.bind(HERE, A.key)
    assert await settled(second) == Binding(B.key, "")


async def test_a_client_that_leaves_ends_no_question_of_others(pair: tuple[Process, Process]) -> None:
    process, _ = pair
    process.affinity.bind(HERE, A.key)
    async with asyncio.TaskGroup() as tasks:
        leaver = tasks.create_task(settled(process))
        waiter = tasks.create_task(settled(process))
        await asyncio.sleep(0)
        leaver.cancel()

    assert waiter.result() == Binding(A.key, "")
    assert not process.affinity.is_stale(HERE, time.time())


@pytest.mark.parametrize("trouble", ["stopped", "hangs", "damaged"])
async def test_with_redis_in_trouble_a_process_goes_by_its_own_memory_and_tells_it_later(
    pair: tuple[Process, Process],
    own: OwnRedis,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    monkeypatch.setattr(shared_redis, "PAUSE_SECONDS", 0.2)
    first, second = pair
    first.affinity.bind(HERE, A.key)
    await settled(first)
    first.response(A)
    await settled(first)
    [name] = own.client.scan_iter("nexus:affinity:*")
    if trouble == "stopped":
        own.stop()
    elif trouble == "hangs":
        own.client.client_pause(2000)
    else:
        own.client.set(name, "no json")
    started = time.monotonic()
    for credential in (A2, B):
        first.affinity.bind(HERE, credential.key)
        assert await settled(first) == Binding(credential.key, "org-a")

    assert time.monotonic() - started < 1
    assert not first.affinity.is_stale(HERE, time.time())
    await asyncio.sleep(0.25)
    assert await settled(first) == Binding(B.key, "org-a")
    assert [line for line in caplog.messages if line != "pool.cooling"] == ["affinity.unshared"]
    if trouble == "hangs":
        await asyncio.sleep(2)
        await settled(first)
        second.affinity.bind(HERE, A.key)
        assert await settled(second) == Binding(B.key, "org-a")


async def test_domains_do_not_share_sessions(pair: tuple[Process, Process], own: OwnRedis) -> None:
    process, _ = pair
    for affinity_key in (HERE, ("b.example", HERE[1])):
        process.affinity.bind(affinity_key, A.key)
        await process.affinity.share(affinity_key, time.time())

    assert len(list(own.client.scan_iter("nexus:affinity:*"))) == 2
    assert not [key for key in own.client.scan_iter("nexus:affinity:*") if HERE[1].encode() in key]
