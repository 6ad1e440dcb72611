"""Spools for the tests of the relay."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pytest_django import Settings

from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import serve
from proxy.relay.spool.spool import Spool
from tests.relay.bench_of_attempts import Bench
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


@pytest.fixture
async def bench(settings: Settings, tmp_path: Path) -> AsyncIterator[Bench]:
    """An emulated API with a sender of its own."""
    settings.DATABASE_URL = ""
    settings.CREDENTIALS_DIR = tmp_path
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_API_BASE_URL = running.url
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{running.url}/v1/oauth/token"
        async with making(running.app, tmp_path) as made:
            yield made


@pytest.fixture
async def other(bench: Bench) -> AsyncIterator[Bench]:
    """A sender as another process has it, with the same API."""
    async with making(bench.emulator, bench.folder) as made:
        yield made


@asynccontextmanager
async def making(emulator: Emulator, folder: Path) -> AsyncIterator[Bench]:
    made = Bench(emulator, folder)
    yield made
    for response in made.responses:
        response.close()
    await made.sender.stop()
    await made.transport.aclose()


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes each system call asked for."""
    asked: list[int] = []
    pread = os.pread

    def counted(descriptor: int, length: int, offset: int) -> bytes:
        asked.append(length)
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", counted)
    return asked
