"""A signed-in browser, a program with a key, and a clean count of wrong keys; limits and what is used of them."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import redis
from django.conf import LazySettings, settings
from django.test import Client

from accounts.access.limits import redis_key, spent_key
from dashboard import reading
from dashboard.queries import narrowed
from tests.accounts.people import make_domain, make_limit


@pytest.fixture(autouse=True)
def somebody_reads() -> Iterator[None]:
    """What a test asks without a door is read by who sees everything; doors say themselves who comes."""
    narrowed.forget()
    with reading.reads(reading.EVERYTHING):
        yield


@pytest.fixture
def signed_in(client: Client) -> Client:
    client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})
    return client


@pytest.fixture
def program() -> Client:
    return Client(headers={"X-API-Key": settings.DASHBOARD_API_KEY})


@pytest.fixture
def real_redis() -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as connection:
        yield connection


@pytest.fixture(autouse=True)
def no_wrong_keys_yet(real_redis: redis.Redis) -> None:
    for key in real_redis.scan_iter("nexus:signin:*"):
        real_redis.delete(key)


@pytest.fixture
def rows_alone(settings: LazySettings, tmp_path: Path) -> None:
    """Credentials are those of the database."""
    settings.CREDENTIALS_DIR, settings.CLAUDE_API_KEY = tmp_path, ""


@pytest.fixture
def health(real_redis: redis.Redis) -> Iterator[redis.Redis]:
    """What proxies report of credentials, which is gone after the test."""
    yield real_redis
    for key in real_redis.scan_iter("nexus:health:*"):
        real_redis.delete(key)


@pytest.fixture
def store(real_redis: redis.Redis) -> Iterator[redis.Redis]:
    yield real_redis
    for key in real_redis.scan_iter("nexus:limits:*"):
        real_redis.delete(key)


@pytest.fixture
def used(store: redis.Redis) -> None:
    """Limits of every kind, and what Redis knows of them."""
    make_limit(usd_per_day=10)
    make_limit(
        domain=make_domain(),
        requests_per_minute=60,
        tokens_per_minute=1000,
        concurrent_streams=4,
        usd_per_week=5,
    )
    now = time.time() * 1000
    store.set(spent_key("organisation", "day", datetime.now(UTC).date()), 2_500_000)
    store.hset(redis_key("organisation", "amounts"), "total", 500_000)
    store.hset(redis_key("domain:a.example", "requests"), mapping={"level": 30, "at": now + 60_000})
    store.zadd(redis_key("domain:a.example", "streams"), {"ended": now - 1, "runs": now + 60_000})
