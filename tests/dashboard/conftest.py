"""A signed-in browser, a program with a key, and a clean count of wrong keys."""

from collections.abc import Iterator

import pytest
import redis
from django.conf import settings
from django.test import Client


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
