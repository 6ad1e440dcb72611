"""A Nexus that is measured: fresh PostgreSQL and Redis, the upstream in C, a real proxy and a real worker."""

import contextlib
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import redis
from cryptography.fernet import Fernet

from nexus_project import env
from nexus_project.stack import environment
from nexus_project.stack.machine import owned_folders, ports
from nexus_project.stack.supervision import commands
from nexus_project.stack.supervision.addresses import NAMES
from tests import addresses
from tests.bench.build import FOLDER, BenchError
from tests.flow.services import Process

SETTLE_SECONDS = 60.0
QUIET_SECONDS = 0.3
STORED = "SELECT coalesce(sum(stored), 0)::bigint FROM proxy_spool"


@dataclass(frozen=True, slots=True)
class System:
    """`servers` are the pids of PostgreSQL and Redis."""

    proxy: Process
    worker: Process
    port: int
    database: str
    servers: tuple[int, ...]

    @property
    def behind(self) -> tuple[int, ...]:
        """What a proxy leaves to others."""
        return (self.worker.popen.pid, *self.servers)

    def stored(self) -> int:
        """How many exchanges the worker has stored, or counted where storage is off."""
        with psycopg.connect(self.database) as connection:
            (count,) = connection.execute(STORED).fetchone() or (0,)
        return int(count)

    def settle(self, expected: int) -> int:
        """Wait until so many are stored; how many are."""
        deadline = time.monotonic() + SETTLE_SECONDS
        while (found := self.stored()) < expected and time.monotonic() < deadline:
            time.sleep(QUIET_SECONDS)
        return found


@contextlib.contextmanager
def servers() -> Iterator[tuple[int, ...]]:
    """Fresh PostgreSQL and Redis, their addresses set; their pids."""
    nothing = dict.fromkeys((*NAMES, "DATABASE_URL", "REDIS_URL"), "")
    folder = owned_folders.make_temporary(owned_folders.DATA)
    env.export(**nothing, NEXUS_ENV_FILE=os.devnull, NEXUS_DATA_DIR=str(folder))
    held = environment.servers(folder, temporary=True)
    if not held:
        raise BenchError(
            "Fresh servers were not started: unset the <NAME>_FILE of DATABASE_URL and REDIS_URL."
        )
    try:
        yield tuple(int((folder / f"{name}.pid").read_text().split()[0]) for name in ("postgres", "redis"))
    finally:
        held.leave()


@contextlib.contextmanager
def upstream() -> Iterator[tuple[int, int]]:
    """The upstream in C: its pid and its port."""
    port = ports.free()
    process = subprocess.Popen([str(FOLDER / "upstream"), str(port)])
    try:
        yield process.pid, port
    finally:
        process.kill()
        process.wait()


@contextlib.contextmanager
def system(
    number: int, server_pids: tuple[int, ...], upstream_port: int, workers: int = 1, **settings: str
) -> Iterator[System]:
    """Start one beside others: each has a database of its own; `number` is that in Redis, 1 to 15."""
    folder = owned_folders.make_temporary(owned_folders.DATA)
    (folder / "credentials").mkdir()
    environment = {
        "DATABASE_URL": _make_database(),
        "REDIS_URL": f"{env.secret('REDIS_URL').rsplit('/', 1)[0]}/{number}",
        "CLAUDE_API_BASE_URL": f"http://127.0.0.1:{upstream_port}",
        "CREDENTIALS_DIR": str(folder / "credentials"),
        "NEXUS_DATA_DIR": str(folder / "var"),
        "SECRET_KEY": "of a measurement",
        "DASHBOARD_API_KEY": "of a measurement",
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "STORAGE_ENABLED": "true",
        "SHUTDOWN_GRACE_SECONDS": "2",
        **settings,
    }
    position = commands.Deployment(
        "127.0.0.1", ports.free(), ports.free(), folder / "var", workers, grace_seconds=2
    )
    redis.Redis.from_url(environment["REDIS_URL"]).flushdb()
    with contextlib.ExitStack() as running:
        running.callback(owned_folders.remove, folder)
        migration = Process(commands.migrate(), environment, folder / "migrate.log").start()
        if migration.popen.wait(120):
            raise BenchError(f"The database could not be migrated:\n{migration.words()[-2000:]}")
        addresses.grant(environment["DATABASE_URL"])
        worker = Process(commands.worker(), environment, folder / "worker.log").start()
        running.callback(worker.stop)
        proxy = Process(commands.proxy(position), environment, folder / "proxy.log").start()
        running.callback(proxy.stop)
        yield System(proxy, worker, position.proxy_port, environment["DATABASE_URL"], server_pids)


def _make_database() -> str:
    address, name = env.secret("DATABASE_URL"), f"bench_{uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
    return urlsplit(address)._replace(path=f"/{name}").geturl()
