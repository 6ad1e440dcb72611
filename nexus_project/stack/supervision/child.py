"""A service that was started: a process in a session of its own, its output on the console."""

import http
import http.client
import os
import select
import socket
import subprocess
import time
from urllib.parse import urlsplit

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.console import Console, Echo
from nexus_project.stack.supervision.commands import Service


class Child:
    """A started service; one that shares its socket serves what waits at `listener`."""

    def __init__(self, service: Service, console: Console, listener: socket.socket | None = None) -> None:
        self.service = service
        self.started_at = time.monotonic()
        self._serves = listener is None
        self._ready, ready = os.pipe()
        handed = (listener.fileno(), ready) if listener else ()
        try:
            self.process = self._start(handed)
        except OSError:
            os.close(self._ready)
            raise
        finally:
            os.close(ready)
        output = self.process.stdout
        assert output is not None  # noqa: S101 - stdout=PIPE
        self._echo = Echo(console, service.name, output)

    def _start(self, handed: tuple[int, ...]) -> subprocess.Popen[bytes]:
        service = self.service
        options = (f"--fd={handed[0]}", f"--ready={handed[1]}") if handed else ()
        return subprocess.Popen(
            (*service.command, *options),
            cwd=BASE_DIR,
            env=env.child_environment(service.environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=handed,
        )

    def serves(self) -> bool:
        """Whether it has said that it accepts connections, where it shares its socket."""
        if not self._serves and select.select([self._ready], [], [], 0)[0]:
            self._serves = bool(os.read(self._ready, 1))
        return self._serves

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
        """Let its last lines appear, and let go of what was open for it."""
        self._echo.join(1)
        os.close(self._ready)

    def ready(self) -> bool:
        """Whether it serves, and its readiness address answers 200."""
        if not self.serves():
            return False
        address = urlsplit(self.service.ready_url)
        connection = http.client.HTTPConnection(address.hostname or "", address.port, timeout=2)
        try:
            connection.request("GET", address.path)
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
