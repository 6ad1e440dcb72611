"""Starts the services, watches them, and stops them in the reverse order of their start."""

import contextlib
import http
import http.client
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Protocol
from urllib.parse import urlsplit

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack import ports, processes
from nexus_project.stack.commands import Service
from nexus_project.stack.console import Console, Echo
from nexus_project.stack.errors import StackError
from nexus_project.stack.guardian import Guardian

READY_SECONDS = 90
POLL_SECONDS = 0.1
RESTARTS, RESTART_SECONDS = 3, 60.0  # how often a service may be started again within how long
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Held(Protocol):
    """What the services need besides each other: an empty string while it is there, else why not."""

    def broken(self) -> str: ...


class Stopped(Exception):
    """Somebody asked the stack to stop."""


class Child:
    """A started service."""

    def __init__(self, service: Service, console: Console) -> None:
        self.service = service
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

    def last_words(self) -> str:
        """How it ended, with its last lines."""
        self._echo.join(1)
        said = "".join(f"\n    {line}" for line in self._echo.last)
        status = self.process.returncode
        return f"{self.service.name} ended by itself (status {status}); its last lines:{said or ' none'}"

    def require_alive(self) -> None:
        """Raise StackError with its last lines if it has ended."""
        if self.ended():
            raise StackError(self.last_words())

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


class Supervisor:
    """Every waiting method raises Stopped after Ctrl-C, SIGTERM or SIGHUP (inside `handling_signals`)."""

    def __init__(self, console: Console, guardian: Guardian, held: Held | None = None) -> None:
        self._console, self._guardian, self._held = console, guardian, held
        self._children: list[Child] = []
        self._restarts: dict[str, list[float]] = {}
        self._asks = 0  # a plain number: a signal handler must not take a lock that its own thread may hold

    @contextlib.contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Turn the first stop signal into Stopped; the second one cuts the draining short."""
        before = {sign: signal.signal(sign, lambda *_: self.ask_to_stop()) for sign in STOP_SIGNALS}
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def ask_to_stop(self) -> None:
        self._asks += 1

    def start(self, service: Service) -> Child:
        """Start a service and wait until it is ready."""
        if service.port:
            ports.require_free(*service.port)
        child = Child(service, self._console)
        self._children.append(child)
        self._guardian.started(child.process.pid, service.grace_seconds)
        deadline = time.monotonic() + READY_SECONDS
        while service.ready_url and not child.ready():
            self._pause()
            if time.monotonic() > deadline:
                raise StackError(
                    f"{service.name} did not become ready within {READY_SECONDS} s: read its lines above."
                )
        return child

    def run_to_end(self, service: Service) -> None:
        """Run a service that ends by itself; StackError if it fails."""
        child = self.start(service)
        while child.process.poll() is None:
            self._pause(but=child)
        if child.process.returncode:
            child.require_alive()
        self._forget(child)

    def watch(self) -> None:
        """Start again what ends by itself: a lost Redis can end a worker, and traffic must not end with it.

        Return never: raise Stopped when asked to, StackError when a service ends again and again.
        """
        while True:
            for index, child in enumerate(self._children):
                if child.ended():
                    self._children[index] = self._again(child)
            self._breathe()

    def _again(self, child: Child) -> Child:
        # A killed parent leaves its children behind: uvicorn's would go on listening on the port.
        processes.kill_group(child.process.pid)
        now = time.monotonic()
        recent = [at for at in self._restarts.get(child.service.name, []) if now - at < RESTART_SECONDS]
        if len(recent) >= RESTARTS:
            child.require_alive()
        self._restarts[child.service.name] = [*recent, now]
        self._console.say(f"{child.last_words()}\nstarting {child.service.name} again")
        self._guardian.ended(child.process.pid)
        fresh = Child(child.service, self._console)
        self._guardian.started(fresh.process.pid, child.service.grace_seconds)
        return fresh

    def stop(self) -> None:
        """Stop every service, the last one started first, and wait for each."""
        while self._children:
            child = self._children[-1]
            self._console.say(f"stopping {child.service.name}")
            processes.end_child(
                child.process, signal.SIGTERM, child.service.grace_seconds, lambda: self._asks > 1
            )
            child.finish()
            self._forget(child)

    def _forget(self, child: Child) -> None:
        self._children.remove(child)
        self._guardian.ended(child.process.pid)

    def _pause(self, but: Child | None = None) -> None:
        """While services start, the end of any but one is an error."""
        self._breathe()
        for child in self._children:
            if child is not but:
                child.require_alive()

    def _breathe(self) -> None:
        time.sleep(POLL_SECONDS)
        if self._asks:
            raise Stopped
        reason = self._held.broken() if self._held else ""
        if reason:
            raise StackError(reason)
