"""Spools for the tests of the relay."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.relay.spool import Spool
from tests.relay.redis_server import OwnRedis, own_redis


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    made = Spool(tmp_path / "0", 64 * 1024**2)
    yield made
    made.shut()


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Spool]:
    """One that holds a hundred thousand bytes."""
    made = Spool(tmp_path / "0", 100_000)
    yield made
    made.shut()


@pytest.fixture
def own() -> Iterator[OwnRedis]:
    with own_redis() as started:
        yield started
