"""A Nexus for a run: emulator, two proxies on one spool folder, workers, its own Redis and PostgreSQL.

One proxy is under a supervisor, the other is two processes under uvicorn's parent: these are the two that can be replaced.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import redis
from cryptography.fernet import Fernet

from nexus_project import env
from nexus_project.operations.grants import PROXY, WORKER
from nexus_project.stack.machine import folders, ports
from nexus_project.stack.servers.postgres import Postgres
from nexus_project.stack.servers.redis import Redis
from nexus_project.stack.supervision import commands
from nexus_project.stack.supervision.commands import Deployment, Service
from nexus_project.stack.supervision.reaper import Reaper
from tests import addresses
from tests.chaos.faulty_disk import FaultyDisk
from tests.chaos.parts import Part, Server

WORKERS = 2
GRACE_SECONDS = 30  # above any stream of the load: a rolling restart cuts none
SIGNS_IN = {"proxy": "PROXY_DATABASE_URL", "worker": "WORKER_DATABASE_URL"}


@dataclass(frozen=True, slots=True)
class System:
    """Everything that runs; `log` is the emulator's own, `environment` what a command beside it needs, as the owner."""

    folder: Path
    environment: dict[str, str]
    emulator: Part
    proxies: list[Part]
    workers: list[Part]
    redis: Server
    postgres: Server

    @property
    def log(self) -> Path:
        return self.folder / "emulator.jsonl"

    @property
    def services(self) -> list[Part]:
        """In the order of their start."""
        return [self.emulator, *self.workers, *self.proxies]

    def strangers(self) -> list[str]:
        """Who signed in to the database as another role than its own, in words."""
        url = self.environment["DATABASE_URL"]
        users = {part.name: addresses.signed_in_as(url, part.pid) for part in self.proxies}
        users["the worker"] = addresses.writers(url)
        return [
            f"{name} signed in as {', '.join(sorted(found))}"
            for name, found in users.items()
            if found - {WORKER if name == "the worker" else PROXY}
        ]

    async def start(self) -> None:
        """The servers run already; migrate and start the rest."""
        command = commands.migrate()
        await asyncio.to_thread(
            subprocess.run,
            command.command,
            env=env.child_environment({**command.environment, **self.environment}),
            cwd=env.BASE_DIR,
            check=True,
        )
        await asyncio.to_thread(addresses.grant, self.environment["DATABASE_URL"])
        async with asyncio.TaskGroup() as group:
            for part in self.services:
                group.create_task(part.start())


@contextlib.contextmanager
def system(folder: Path) -> Iterator[System]:
    """The servers run within; at the end everything is stopped. A run that is itself killed leaves nothing behind."""
    reaper = Reaper()
    with contextlib.ExitStack() as stack:
        stack.callback(reaper.dismiss)
        made_postgres = Postgres(folder, folders.make_data_folder(folder / "run"), temporary=False)
        postgres = Server(
            "postgres", made_postgres.daemon, lambda: _postgres_responds(made_postgres.url), reaper
        )
        stack.callback(postgres.stop)
        made_redis = Redis(folder, temporary=False)
        own_redis = Server(
            "redis", made_redis.daemon, lambda: _redis_responds(made_redis.url), reaper, data="appendonly*"
        )
        stack.callback(own_redis.stop)
        made = _assemble(folder, made_postgres.urls, made_redis.url, own_redis, postgres, reaper)
        for part in made.services:
            stack.callback(part.kill)
        yield made


def _assemble(
    folder: Path,
    databases: Mapping[str, str],
    broker: str,
    own_redis: Server,
    postgres: Server,
    reaper: Reaper,
) -> System:
    emulator_port = ports.free()
    credentials = folders.make_private_folder(folder / "credentials")
    environment = {
        "NEXUS_ENV_FILE": os.devnull,
        "DATABASE_URL": databases["DATABASE_URL"],
        "REDIS_URL": broker,
        "SECRET_KEY": "of a run of the chaos test",
        "DASHBOARD_API_KEY": "of a run of the chaos test",
        "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        "CLAUDE_API_BASE_URL": f"http://127.0.0.1:{emulator_port}",
        "CLAUDE_API_KEY": "sk-ant-api03-of-the-operator",
        "CREDENTIALS_DIR": str(credentials),
        "NEXUS_DATA_DIR": str(folder / "var"),
        "STORAGE_ENABLED": "true",
        "SHUTDOWN_GRACE_SECONDS": str(GRACE_SECONDS),
    }

    def part(service: Service, number: int = 0, disk: FaultyDisk | None = None) -> Part:
        named = replace(service, name=f"{service.name}-{number}" if number else service.name)
        own = {"DATABASE_URL": databases[SIGNS_IN[service.name]]} if service.name in SIGNS_IN else {}
        return Part(named, {**environment, **own}, folder / f"{named.name}.log", reaper, disk)

    emulator = commands.emulator(emulator_port)
    words = ("--log", str(folder / "emulator.jsonl"))
    proxies = [
        part(service, number, FaultyDisk(folder / "var" / "spool", folder / f"disk-{number}"))
        for number, service in enumerate(_proxies(folder / "var"), start=1)
    ]
    return System(
        folder=folder,
        environment=environment,
        emulator=part(replace(emulator, command=(*emulator.command, *words))),
        proxies=proxies,
        workers=[part(commands.worker(), number) for number in range(1, WORKERS + 1)],
        redis=own_redis,
        postgres=postgres,
    )


def _proxies(data_dir: Path) -> list[Service]:
    """One under a supervisor, and one of two processes."""
    place = Deployment("127.0.0.1", ports.free(), 0, data_dir, grace_seconds=GRACE_SECONDS)
    words = (str(place.proxy_port), str(data_dir), str(GRACE_SECONDS))
    supervised = replace(
        commands.proxy(place), command=(sys.executable, "-m", "tests.chaos.supervised", *words)
    )
    several = replace(place, proxy_port=ports.free(), proxy_workers=2)
    return [supervised, commands.proxy(several)]


def _postgres_responds(url: str) -> bool:
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def _redis_responds(url: str) -> bool:
    with redis.Redis.from_url(url, socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
