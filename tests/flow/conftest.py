"""A whole Nexus of real processes: emulator ← proxy → Redis → worker → PostgreSQL, in a database of its own."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx
import psycopg
import pytest
import redis
import zstandard
from psycopg.rows import dict_row

from nexus_project import env
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.received import Received
from nexus_project.demo.serving import Running, serve
from nexus_project.stack.machine import ports
from nexus_project.stack.servers.redis import find_server
from nexus_project.stack.supervision import commands
from nexus_project.stack.supervision.commands import Service
from proxy.record import HeaderPairs
from proxy.store.bodies.headers import unpack
from tests import addresses
from tests.flow.bare import Starter
from tests.flow.services import Process, stop_all, wait_for

opened: list[httpx.Client] = []

OPERATOR_KEY = "sk-ant-api03-of-the-operator"

_HEADERS = """
SELECT exchange.outcome, body.headers, blob.data AS dictionary
FROM proxy_exchange AS exchange JOIN proxy_exchangebody AS body USING (id) LEFT JOIN proxy_blob AS blob
    ON blob.digest = body.headers_dictionary AND blob.month = date_trunc('month', exchange.started_at AT TIME ZONE 'UTC')
"""


@dataclass
class Nexus:
    """The parts of a running Nexus as a test sees them; `database` is the owner's address."""

    proxy: Process
    worker: Process
    emulator: Running[Emulator]
    database: str
    data_dir: Path

    @property
    def url(self) -> str:
        return self.proxy.service.ready_url.removesuffix("/health/ready")

    def client(self, **headers: str) -> httpx.Client:
        """A client that the end of the test closes."""
        headers = {"anthropic-version": "2023-06-01", **headers}
        opened.append(httpx.Client(base_url=self.url, headers=headers, timeout=60))
        return opened[-1]

    def rows(self, query: str, *values: object) -> list[dict[str, Any]]:
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            return connection.execute(query, values).fetchall()

    def execute(self, query: str, *values: object) -> None:
        with psycopg.connect(self.database) as connection:
            connection.execute(query, values)

    def stored(self, exchange_id: str, seconds: float = 120) -> dict[str, Any]:
        """The exchange's row, once the worker has written it, which is nice: on a machine with other work it waits for long."""
        query = "SELECT * FROM proxy_exchange WHERE id = %s"
        wait_for(lambda: self.rows(query, exchange_id), seconds, self._words)
        (row,) = self.rows(query, exchange_id)
        return row

    def headers(self, exchange_id: str) -> tuple[HeaderPairs, HeaderPairs]:
        """The recorded headers of a stored exchange, both sides."""
        (row,) = self.rows(f"{_HEADERS} WHERE body.id = %s", exchange_id)
        return _unpacked(row)

    def outcomes(self, mark: str) -> list[str]:
        """How the stored exchanges ended whose request carried this id in `x-test-id`."""
        found = ((row["outcome"], _unpacked(row)[0]) for row in self.rows(f"{_HEADERS} ORDER BY body.id"))
        return [outcome for outcome, request in found if ("x-test-id", mark) in request]

    def received(self, exchange_id: str) -> Received:
        """What upstream got of the exchange whose request carried this id in `x-test-id`."""
        return next(entry for entry in self.emulator.app.log if entry.value("x-test-id") == exchange_id)

    def _words(self) -> str:
        return f"proxy:\n{self.proxy.words()[-3000:]}\nworker:\n{self.worker.words()[-3000:]}"


def _unpacked(row: dict[str, Any]) -> tuple[HeaderPairs, HeaderPairs]:
    dictionary = zstandard.decompress(row["dictionary"]) if row["dictionary"] else b""
    return unpack(row["headers"], dictionary)


def make_database(template: str = "template1") -> str:
    """The address of a fresh database beside the suite's own."""
    address = env.secret("DATABASE_URL")
    name = f"flow_{uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}".encode())
    return urlsplit(address)._replace(path=f"/{name}").geturl()


@cache
def migrated() -> str:
    """The name of a database with all tables and rights, to be copied: migrations take longer than the start of a proxy."""
    address = make_database()
    command = commands.migrate()
    environment = env.child_environment({**command.environment, "DATABASE_URL": address})
    subprocess.run(command.command, cwd=env.BASE_DIR, env=environment, check=True)
    addresses.grant(address)
    return urlsplit(address).path.lstrip("/")


@pytest.fixture(scope="session")
def emulator() -> Iterator[Running[Emulator]]:
    with serve(create_app(), http=ConnectionProtocol) as running:
        yield running


FREE_DATABASES = list(range(1, 16))  # of Redis: a system that shared one would take another's batches


@contextmanager
def systems(emulator: Running[Emulator], folders: pytest.TempPathFactory) -> Iterator[Callable[..., Nexus]]:
    """Start systems, each with settings of its own, that all end with the context."""
    proxies: list[Process] = []
    workers: list[Process] = []
    numbers: list[int] = []

    def make(**settings: str) -> Nexus:
        data_dir = folders.mktemp("nexus")
        numbers.append(FREE_DATABASES.pop(0))
        environment = {
            "DATABASE_URL": make_database(migrated()),
            "REDIS_URL": f"{env.secret('REDIS_URL').rsplit('/', 1)[0]}/{numbers[-1]}",
            "CLAUDE_API_BASE_URL": emulator.url,
            "CLAUDE_API_KEY": OPERATOR_KEY,
            "CREDENTIALS_DIR": str(data_dir / "credentials"),
            "NEXUS_DATA_DIR": str(data_dir / "var"),
            "SHUTDOWN_GRACE_SECONDS": "2",
            **settings,
        }
        redis.Redis.from_url(environment["REDIS_URL"]).flushdb()
        (data_dir / "credentials").mkdir()
        count = int(settings.get("PROXY_WORKERS", "1"))
        place = commands.Deployment(
            "127.0.0.1", ports.free(), ports.free(), data_dir / "var", count, grace_seconds=2
        )
        workers.append(Process(commands.worker(), environment, data_dir / "worker.log").start())
        proxies.append(Process(commands.proxy(place), environment, data_dir / "proxy.log").start())
        return Nexus(proxies[-1], workers[-1], emulator, environment["DATABASE_URL"], data_dir)

    try:
        yield make
    finally:
        stop_all(proxies)
        stop_all(workers)  # which have time to store what the proxies sent in the end
        FREE_DATABASES.extend(numbers)


@pytest.fixture(scope="module")
def make_nexus(
    emulator: Running[Emulator], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Nexus]]:
    """Start further systems, which end with the module."""
    with systems(emulator, tmp_path_factory) as make:
        yield make


@pytest.fixture(scope="session")
def nexus(emulator: Running[Emulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nexus]:
    """The system that most tests share: they tell their own exchanges by id."""
    with systems(emulator, tmp_path_factory) as make:
        yield make()


@pytest.fixture(scope="session")
def of_the_session(nexus: Nexus) -> Nexus:
    """The shared system, where a module has another `nexus`."""
    return nexus


@pytest.fixture(scope="module")
def make_proxy(
    of_the_session: Nexus, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Nexus]]:
    """Start further proxies of the shared system, with settings and folders of their own, which end with the module.

    For tests of a proxy: a worker and a database take longer to start than it does.
    """
    started: list[Process] = []

    def make(**settings: str) -> Nexus:
        data_dir = tmp_path_factory.mktemp("proxy")
        own = {"CREDENTIALS_DIR": str(data_dir / "credentials"), "NEXUS_DATA_DIR": str(data_dir / "var")}
        (data_dir / "credentials").mkdir()
        workers = int(settings.get("PROXY_WORKERS", "1"))
        place = commands.Deployment(
            "127.0.0.1", ports.free(), ports.free(), data_dir / "var", workers, grace_seconds=2
        )
        environment = {**of_the_session.proxy.environment, **own, **settings}
        started.append(Process(commands.proxy(place), environment, data_dir / "proxy.log").start())
        return replace(of_the_session, proxy=started[-1], data_dir=data_dir)

    yield make
    stop_all(started)


@pytest.fixture(scope="module")
def start_bare(emulator: Running[Emulator], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Starter]:
    """Start proxies alone, which end with the module."""
    starter = Starter(emulator, tmp_path_factory)
    yield starter
    stop_all(starter.started)


@pytest.fixture(autouse=True)
def _close_clients() -> Iterator[None]:
    yield
    while opened:
        opened.pop().close()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[Process]:
    """A Redis that a test may kill and start; its port is in its environment."""
    port = ports.free()
    command = (str(find_server()), "--port", str(port), "--save", "", "--dir", str(tmp_path))
    server = Process(
        Service("redis", command, 5, environment={"PORT": str(port)}), {}, tmp_path / "redis.log"
    ).start()
    # It has no page to ask: the first command that finds it says that it listens.
    wait_for(lambda: _responses(port), 60, server.words)
    yield server
    server.stop()


def _responses(port: int) -> bool:
    with redis.Redis(port=port) as client:
        try:
            return bool(client.ping())
        except redis.ConnectionError:
            return False
