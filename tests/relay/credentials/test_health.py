"""Processes and operators tell each other through a real Redis how credentials fare."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pytest_django import Settings

from accounts.access.decision import AccessCredential, DomainAccess, Snapshot
from accounts.credentials import health as credential_health
from accounts.snapshot.watcher import Watcher
from proxy.relay.credentials import health as module
from proxy.relay.credentials.health import HealthSharing
from proxy.relay.credentials.pool import Pool
from proxy.relay.credentials.updates import HealthUpdates
from tests.relay.redis_server import OwnRedis

A, B, SINGLE = (
    AccessCredential("database", str(number), "api_key", "sk-ant-api03-x", f"acc_{number}")
    for number in (1, 2, 3)
)
BOTH = (A, B)


class Process:
    """What one proxy process holds of it."""

    def __init__(self, *domains: tuple[AccessCredential, ...]) -> None:
        self.updates = HealthUpdates()
        self.pool = Pool(self.updates)
        self.watcher = Watcher()
        names = {f"{number}.example": credentials for number, credentials in enumerate(domains)}
        self.watcher.current = Snapshot(
            {name: DomainAccess(name, credentials) for name, credentials in names.items()}
        )
        self.sharing = HealthSharing(self.watcher, self.updates, self.pool)

    def cooling(self) -> list[str]:
        return [breaker.reason for breaker in self.pool.cooling(BOTH, time.time())]


@pytest.fixture
async def redis(own: OwnRedis, settings: Settings, tmp_path: Path) -> AsyncIterator[OwnRedis]:
    settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    yield own
    credential_health.connection().close()


async def test_a_cool_down_is_known_to_another_process_and_after_a_restart(redis: OwnRedis) -> None:
    first, second = Process(BOTH), Process(BOTH)
    first.pool.failed(A, "429", time.time() + 60, time.time())
    await first.sharing.share()
    await second.sharing.share()

    assert (first.cooling(), second.cooling()) == (["429"], ["429"])
    restarted = Process(BOTH)
    await restarted.sharing.share()
    assert restarted.pool.choose("", BOTH, time.time()) is B
    assert 0 < redis.client.ttl(credential_health.name_of(A.key)) <= credential_health.KEPT_SECONDS


async def test_a_success_in_one_process_ends_it_in_all_and_so_does_an_operator(redis: OwnRedis) -> None:
    first, second = Process(BOTH), Process(BOTH)
    for credential in BOTH:
        first.pool.failed(credential, "429", time.time() + 60, time.time())
    await first.sharing.share()
    await second.sharing.share()

    second.pool.answered(A, 200, httpx.Headers(), time.time() + 1)
    await second.sharing.share()
    credential_health.reset([B.key])
    await first.sharing.share()

    assert (first.cooling(), second.cooling()) == ([], ["429"])
    await second.sharing.share()
    assert second.cooling() == []


async def test_use_and_gauges_and_errors_are_told_of_every_credential(redis: OwnRedis) -> None:
    process = Process((SINGLE,))
    headers = {"anthropic-ratelimit-requests-limit": "10", "anthropic-ratelimit-requests-remaining": "4"}
    process.updates.answered(SINGLE.key, httpx.Headers(headers))
    process.updates.failed(SINGLE.key, "the API answered 429")
    before = time.time()
    await process.sharing.share()

    reported = credential_health.read([SINGLE.key])[SINGLE.key]
    assert reported.gauges == {"requests": (0.6, 0.0)}
    assert (reported.error, reported.is_cooling(before)) == ("the API answered 429", False)
    assert before - 5 < min(reported.used_at, reported.error_at) <= time.time()


async def test_gauges_that_another_process_saw_count_for_the_choice(redis: OwnRedis) -> None:
    first, second = Process(BOTH), Process(BOTH)
    used = {
        "anthropic-ratelimit-unified-5h-utilization": "0.9",
        "anthropic-ratelimit-unified-5h-reset": "4000000000",
    }
    first.updates.answered(A.key, httpx.Headers(used))
    await first.sharing.share()
    await second.sharing.share()

    assert second.pool.choose("", BOTH, time.time()) is B


async def test_with_redis_down_each_goes_on_and_tells_it_later(
    redis: OwnRedis, caplog: pytest.LogCaptureFixture
) -> None:
    redis.server.daemon.stop()
    process = Process(BOTH)
    process.pool.failed(A, "429", time.time() + 60, time.time())
    for _ in range(2):
        await process.sharing.share()

    assert process.cooling() == ["429"]
    assert caplog.messages == ["pool.cooling", "pool.unshared"]
    assert "cooling_until" in process.updates.take()[A.key]


async def test_what_nobody_foresaw_ends_no_sharing(redis: OwnRedis, caplog: pytest.LogCaptureFixture) -> None:
    process = Process(BOTH)
    redis.client.hset(credential_health.name_of(A.key), "gauges", "no json")
    await process.sharing.share()
    redis.client.delete(credential_health.name_of(A.key))
    await process.sharing.share()

    assert caplog.messages == ["pool.sharing_failed"]


async def test_it_is_shared_without_being_asked_and_once_more_at_the_end(
    redis: OwnRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "INTERVAL_SECONDS", 0.05)
    first, second = Process(BOTH), Process(BOTH)
    first.sharing.start()
    second.sharing.start()
    await asyncio.sleep(3 * module.INTERVAL_SECONDS)
    first.pool.failed(A, "529", time.time() + 60, time.time())
    async with asyncio.timeout(5):
        while not second.cooling():  # noqa: ASYNC110 - nothing tells when it comes to know
            await asyncio.sleep(0.01)
    first.pool.failed(B, "429", time.time() + 60, time.time())
    await first.sharing.stop()
    await second.sharing.stop()

    assert credential_health.read([B.key])[B.key].cooling_reason == "429"


async def test_without_redis_or_news_nobody_is_asked(settings: Settings, tmp_path: Path) -> None:
    settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    process = Process((SINGLE,))
    process.watcher.current = None
    await process.sharing.share()
    settings.REDIS_URL = ""
    process.sharing.start()
    process.updates.failed(SINGLE.key, "unreachable")
    await process.sharing.share()
    await process.sharing.stop()
