"""A service that was started: a process in a session of its own, its output on the console."""

import http
import http.client
import subprocess
import time
from urllib.parse import urlsplit

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.commands import Service
from nexus_project.stack.console import Console, Echo


class Child:
    """A started service."""

    def __init__(self, service: Service, console: Console) -> None:
        self.service = service
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            service.command,
            cwd=BASE_DIR,
            env=env.child_environment(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        output = self.process.stdout
        assert output is not None  # noqa: S101 - stdout=PIPE
        self._echo = Echo(console, service.name, output)

    def ended(self) -> bool:
        return self.process.poll() is not None

    def ran_seconds(self) -> float:
        return time.monotonic() - self.started_at

    def last_words(self) -> str:
        """How it ended, with its last lines."""
        self._echo.join(1)
        said = "".join(f"\n    {line}" for line in self._echo.last)
        status = self.process.returncode
        return f"{self.service.name} ended by itself (status {status}); its last lines:{said or ' none'}"

    def finish(self) -> None:
        """Let its last lines appear."""
        self._echo.join(1)

    def ready(self) -> bool:
        """Whether its readiness address answers 200."""
        address = urlsplit(self.service.ready_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=2)
        try:
            connection.request("GET", address.path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
