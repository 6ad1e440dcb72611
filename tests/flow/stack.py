"""`make run` as a process: the supervisor with all services and the embedded servers, in a data folder of its own."""

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import redis

from nexus_project import env
from nexus_project.stack.machine import owned_folders, ports, processes
from nexus_project.stack.servers import owner
from nexus_project.stack.supervision import addresses
from tests.flow.services import wait_for

START_SECONDS, STOP_SECONDS = 100, 60
DASHBOARD_KEY = "a-key-of-the-dashboard-for-tests"


@dataclass
class Stack:
    """A running supervisor; `lines` are what it has said so far, `sent` counts what tests that share it asked of its proxy."""

    process: subprocess.Popen[str]
    data_dir: Path
    proxy_url: str
    dashboard_url: str
    lines: list[str] = field(default_factory=list)
    sent: int = 0

    def wait_until_said(self, text: str, seconds: float = 30) -> None:
        """Wait until a line holds the text."""
        wait_for(lambda: self.has_said(text), seconds, self.words)

    def count(self, text: str) -> int:
        """How many lines hold the text."""
        return sum(text in line for line in self.lines)

    def has_said(self, text: str) -> bool:
        return self.count(text) > 0

    def words(self) -> str:
        return "\n".join(self.lines[-60:])

    def pid_of(self, server: str) -> int:
        return int((self.data_dir / f"{server}.pid").read_text().split()[0])

    def redis(self) -> "redis.Redis":
        """A client of the embedded Redis; close it."""
        folder = self.data_dir / "redis"
        return redis.Redis(
            port=int((folder / "port").read_text()), password=(folder / "password").read_text().strip()
        )

    def pipeline(self) -> dict[str, int]:
        """The counts of /api/pipeline; {} while the dashboard does not answer."""
        try:
            response = httpx.get(
                f"{self.dashboard_url}/api/pipeline", headers={"X-API-Key": DASHBOARD_KEY}, timeout=10
            )
        except httpx.TransportError:
            return {}
        return dict(response.json()) if response.status_code == 200 else {}

    def overview(self) -> str:
        """The overview's page, signed in."""
        with httpx.Client(base_url=self.dashboard_url, headers={"X-API-Key": DASHBOARD_KEY}) as client:
            return client.get("/dashboard", timeout=10).text


def _read(stack: Stack) -> None:
    assert stack.process.stdout
    stack.lines.extend(line.rstrip() for line in stack.process.stdout)


@contextmanager
def running_stack(upstream: str, **settings: str) -> Iterator[Stack]:
    """Within, everything of `make run` is up; afterwards nothing of it is left."""
    folder = owned_folders.make_temporary(owned_folders.DATA)
    proxy_port, dashboard_port = ports.free(), ports.free()
    environment = {
        **dict.fromkeys(("DATABASE_URL", "REDIS_URL", *addresses.NAMES), ""),
        "NEXUS_ENV_FILE": str(folder / ".env"),
        "NEXUS_DATA_DIR": str(folder),
        "CREDENTIALS_DIR": str(folder / "credentials"),
        "PROXY_PORT": str(proxy_port),
        "DASHBOARD_PORT": str(dashboard_port),
        "DASHBOARD_API_KEY": DASHBOARD_KEY,
        "CLAUDE_API_BASE_URL": upstream,
        "CLAUDE_API_KEY": "sk-ant-api03-of-the-operator",
        "ENABLE_CLIENT_AUTH": "false",
        "SHUTDOWN_GRACE_SECONDS": "10",
        **settings,
    }
    command = [sys.executable, "-m", "nexus_project.stack", "run"]
    try:
        with subprocess.Popen(
            command,
            cwd=env.BASE_DIR,
            env=env.child_environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            stack = Stack(
                process, folder, f"http://127.0.0.1:{proxy_port}", f"http://127.0.0.1:{dashboard_port}"
            )
            reader = threading.Thread(target=_read, args=(stack,))
            reader.start()
            try:
                stack.wait_until_said("proxy ready at", START_SECONDS)
                yield stack
                process.terminate()
                assert process.wait(STOP_SECONDS) == 0, stack.words()
            finally:
                process.send_signal(signal.SIGINT)
                process.send_signal(signal.SIGINT)
                process.wait(STOP_SECONDS)
                reader.join()
        assert processes.wait_until(lambda: not (folder / owner.RUN).is_symlink(), STOP_SECONDS)
    finally:
        owned_folders.remove_data_folder(folder)
