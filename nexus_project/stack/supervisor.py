"""Starts the services, watches them, starts again what ends by itself, and stops them in the reverse order of their start."""

import contextlib
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from nexus_project.stack import ports, processes
from nexus_project.stack.backoff import STEADY_SECONDS, Backoff, in_words
from nexus_project.stack.child import Child
from nexus_project.stack.commands import Service
from nexus_project.stack.console import Console
from nexus_project.stack.errors import StackError
from nexus_project.stack.guardian import Guardian
from proxy import restarts
from proxy.restarts import Restarts

READY_SECONDS = 90
POLL_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Held(Protocol):
    """What the services need besides each other, and what there is to say of it, in sentences."""

    def news(self) -> Sequence[str]: ...


class Stopped(Exception):
    """Somebody asked the stack to stop."""


@dataclass(slots=True)
class Watched:
    """A service; `child` is None from its end until it is started again at `due`.

    `required` as long as its end is an error: until it was ready once, where nothing can go on without it.
    """

    service: Service
    required: bool
    child: Child | None = None
    due: float = 0
    backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self.backoff = Backoff(self.service.longest_pause_seconds)


class Supervisor:
    """Every waiting method raises Stopped after Ctrl-C, SIGTERM or SIGHUP (inside `handling_signals`)."""

    def __init__(
        self, console: Console, guardian: Guardian, data_dir: Path, held: Held | None = None
    ) -> None:
        self._console, self._guardian, self._data_dir, self._held = console, guardian, data_dir, held
        self._watched: list[Watched] = []
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

    def start(self, service: Service, *, required: bool = False) -> Child:
        """Start a service and wait until it is ready.

        StackError when a required one ends before, or is not ready in time; any other is started again, and this returns.
        """
        if service.port:
            ports.require_free(*service.port)
        watched = Watched(service, required)
        self._watched.append(watched)
        restarts.forget(self._data_dir, service.name)
        first = watched.child = self._launch(service)
        deadline = time.monotonic() + READY_SECONDS
        while service.ready_url and watched.child is first and not first.ready():
            self._tend()
            if time.monotonic() > deadline:
                self._late(watched)
                break
        watched.required = False
        return first

    def run_to_end(self, service: Service) -> None:
        """Run a service that ends by itself; StackError if it fails."""
        watched = Watched(service, required=True)
        self._watched.append(watched)
        child = watched.child = self._launch(service)
        while not child.ended():
            self._tend(but=watched)
        self._forget(watched, child)
        if child.process.returncode:
            raise StackError(child.last_words())

    def watch(self) -> None:
        """Start again what ends by itself: traffic must not end with a worker. Never returns; raises Stopped when asked to."""
        while True:
            self._tend()

    def stop(self) -> None:
        """Stop every service, the last one started first, and wait for each."""
        while self._watched:
            watched = self._watched[-1]
            if child := watched.child:
                self._console.say(f"stopping {watched.service.name}")
                grace = watched.service.grace_seconds
                processes.end_child(child.process, signal.SIGTERM, grace, lambda: self._asks > 1)
                child.finish()
                self._guardian.ended(child.process.pid)
            self._watched.remove(watched)
            restarts.forget(self._data_dir, watched.service.name)

    def _tend(self, but: Watched | None = None) -> None:
        """Look after each service once, and after the signals and servers; then wait a moment."""
        for watched in self._watched:
            if watched is not but:
                self._look_after(watched)
        time.sleep(POLL_SECONDS)
        if self._asks:
            raise Stopped
        for line in self._held.news() if self._held else ():
            self._console.say(line)

    def _look_after(self, watched: Watched) -> None:
        child = watched.child
        if child is None:
            if time.monotonic() >= watched.due:
                self._again(watched)
        elif child.ended():
            self._bury(watched, child)
        elif watched.backoff.ends and child.ran_seconds() > STEADY_SECONDS:
            watched.backoff.ends = 0
            restarts.forget(self._data_dir, watched.service.name)

    def _bury(self, watched: Watched, child: Child) -> None:
        # A killed parent leaves its children behind: uvicorn's would go on listening on the port.
        processes.kill_group(child.process.pid)
        self._guardian.ended(child.process.pid)
        watched.child = None
        if watched.required:
            raise StackError(child.last_words())
        self._schedule(watched, child.last_words(), child.ran_seconds())

    def _schedule(self, watched: Watched, why: str, ran_seconds: float = 0) -> None:
        name, pause = watched.service.name, watched.backoff.pause(ran_seconds)
        watched.due = time.monotonic() + pause
        self._console.say(f"{why}\nstarting {name} again {in_words(pause)}")
        restarts.note(self._data_dir, Restarts(name, watched.backoff.ends, datetime.now(UTC), pause))

    def _again(self, watched: Watched) -> None:
        try:
            watched.child = self._launch(watched.service)
        except OSError as error:  # no memory or no process left, or the program is just being replaced
            self._schedule(watched, f"{watched.service.name} could not be started ({error})")

    def _launch(self, service: Service) -> Child:
        child = Child(service, self._console)
        self._guardian.started(child.process.pid, service.grace_seconds)
        return child

    def _late(self, watched: Watched) -> None:
        message = (
            f"{watched.service.name} did not become ready within {READY_SECONDS} s: read its lines above."
        )
        if watched.required:
            raise StackError(message)
        self._console.say(message)

    def _forget(self, watched: Watched, child: Child) -> None:
        self._watched.remove(watched)
        self._guardian.ended(child.process.pid)
