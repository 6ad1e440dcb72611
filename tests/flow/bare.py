"""A proxy alone, without PostgreSQL and Redis: what its door does needs neither, and it starts in a second."""

from pathlib import Path
from uuid import uuid4

import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from nexus_project.stack.machine import ports
from nexus_project.stack.supervision import commands
from tests.flow import wire
from tests.flow.services import Process


class Starter:
    """Starts proxies that have nothing but files and the environment."""

    def __init__(self, emulator: Running[Emulator], folders: pytest.TempPathFactory) -> None:
        self.emulator = emulator
        self.started: list[Process] = []
        self._folders = folders

    def __call__(self, **settings: str) -> "Bare":
        folder = self._folders.mktemp("bare")
        place = commands.Deployment("127.0.0.1", ports.free(), ports.free(), folder)
        nothing = dict.fromkeys(("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "FIELD_ENCRYPTION_KEYS"), "")
        environment = {
            **nothing,
            "CLAUDE_API_BASE_URL": self.emulator.url,
            "CREDENTIALS_DIR": str(folder),
            "NEXUS_DATA_DIR": str(folder / "var"),
            **settings,
        }
        process = Process(commands.proxy(place), environment, folder / "proxy.log").start()
        self.started.append(process)
        return Bare(process, place.proxy_url, folder, self.emulator)


class Bare:
    """A running proxy and its folder of credentials."""

    def __init__(self, process: Process, url: str, folder: Path, emulator: Running[Emulator]) -> None:
        self.process, self.url, self.folder, self.emulator = process, url, folder, emulator

    def paid(self, host: str, *headers: tuple[str, bytes]) -> tuple[int, str | None]:
        """The answer's status, and the credential that upstream saw."""
        mark = uuid4().hex
        sent = [("anthropic-version", b"2023-06-01"), ("x-test-id", mark.encode()), *headers]
        status = wire.send(self.url, wire.request_bytes("GET", "/v1/models", sent, host=host)).status
        seen = [entry.credential for entry in self.emulator.app.log if entry.value("x-test-id") == mark]
        return status, seen[0] if seen else None
