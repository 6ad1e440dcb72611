"""Real processes of Nexus for the flow tests: started as the supervisor starts them, on free ports, stopped by their pid."""

import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from nexus_project import env
from nexus_project.stack.supervision.commands import Service
from tests import addresses

STOP_SECONDS = 180  # a worker ends the batch that it has, which takes long on a machine with other work


@dataclass
class Process:
    """One running service; `log` is the file that takes its output. The owner's DATABASE_URL becomes that of its role."""

    service: Service
    environment: Mapping[str, str]
    log: Path
    popen: subprocess.Popen[bytes] = field(init=False)

    def start(self) -> "Process":
        self.log.parent.mkdir(parents=True, exist_ok=True)
        extra = addresses.with_its_own(self.service.name, {**self.service.environment, **self.environment})
        with self.log.open("ab") as output:
            self.popen = subprocess.Popen(
                self.service.command,
                env=env.child_environment(extra),
                stdout=output,
                stderr=output,
                cwd=env.BASE_DIR,
                start_new_session=True,
            )
        if self.service.ready_url:
            wait_for(self._ready, 60, lambda: f"{self.service.name} did not start:\n{self.words()}")
        return self

    def _ready(self) -> bool:
        if self.popen.poll() is not None:
            raise AssertionError(f"{self.service.name} ended:\n{self.words()}")
        try:
            return httpx.get(self.service.ready_url, timeout=5).status_code == 200
        except httpx.HTTPError:
            return False

    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def kill(self) -> None:
        self.send(signal.SIGKILL)
        self.wait()

    def stop(self) -> int:
        self.send(signal.SIGTERM)
        return self.wait()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        if self.popen.poll() is None:
            self.popen.send_signal(number)

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        try:
            return self.popen.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            raise AssertionError(f"{self.service.name} did not stop:\n{self.words()[-3000:]}") from None


def stop_all(processes: Sequence[Process]) -> None:
    """Stop them at the same time: each takes its seconds for that."""
    for process in processes:
        process.send(signal.SIGTERM)
    for process in processes:
        process.wait()


def wait_for(
    condition: Callable[[], object], seconds: float = 60, why: Callable[[], str] = lambda: ""
) -> None:
    """Look again and again until it holds; fail with `why` when the time is up."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(why() or "waited in vain")
        time.sleep(0.02)
