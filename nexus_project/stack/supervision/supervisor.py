"""Starts the services, watches them, starts again what ends by itself, and stops them in the reverse order of their start."""

import contextlib
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from nexus_project.stack.backoff import STEADY_SECONDS, Backoff, in_words
from nexus_project.stack.console import Console
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import ports, processes
from nexus_project.stack.supervision.child import Child
from nexus_project.stack.supervision.commands import Service
from nexus_project.stack.supervision.reaper import Reaper
from proxy import restarts
from proxy.restarts import Restarts

READY_SECONDS = 90
POLL_SECONDS = 0.1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Held(Protocol):
    """What the services need besides each other, and what there is to say of it, in sentences."""

    def news(self) -> Sequence[str]: ...


class Stopped(Exception):
    """Somebody asked the stack to stop."""


@dataclass(slots=True)
class Watched:
    """A service; `child` is None from its end until it is started again at `due`.

    `required` as long as its end is an error: until it was ready once, where nothing can go on without it. A service that
    shares its socket has it in `listener`; `successor` is to take the child's place once it serves, `draining` are those whose
    place was taken, each with the moment at which its grace ends.
    """

    service: Service
    required: bool
    child: Child | None = None
    due: float = 0
    listener: socket.socket | None = None
    successor: Child | None = None
    draining: list[tuple[Child, float]] = field(default_factory=list)
    backoff: Backoff = field(init=False)

    def __post_init__(self) -> None:
        self.backoff = Backoff(self.service.longest_pause_seconds)


class Supervisor:
    """Every waiting method raises Stopped after Ctrl-C or SIGTERM (inside `handling_signals`).

    SIGHUP replaces what shares its socket by new processes, without a moment in which nobody serves.
    """

    def __init__(self, console: Console, reaper: Reaper, data_dir: Path, held: Held | None = None) -> None:
        self._console, self._reaper, self._data_dir, self._held = console, reaper, data_dir, held
        self._watched: list[Watched] = []
        self._replace = False
        self._has_terminal = terminal_is_there()
        self._asks = 0  # a plain number: a signal handler must not take a lock that its own thread may hold

    @contextlib.contextmanager
    def handling_signals(self) -> Iterator[None]:
        """Turn the first stop signal into Stopped; the second one cuts the draining short."""
        before = {sign: signal.signal(sign, lambda *_: self.ask_to_stop()) for sign in STOP_SIGNALS}
        before[signal.SIGHUP] = signal.signal(signal.SIGHUP, lambda *_: self._hang_up())
        try:
            yield
        finally:
            for sign, handler in before.items():
                signal.signal(sign, handler)

    def ask_to_stop(self) -> None:
        self._asks += 1

    def _hang_up(self) -> None:
        # The same signal says that the terminal was closed, and then nobody would be left to stop what runs.
        if self._has_terminal and not terminal_is_there():
            self.ask_to_stop()
        self._replace = True

    def start(self, service: Service, *, required: bool = False) -> Child:
        """Start a service and wait until it is ready.

        StackError when a required one ends before, or is not ready in time; any other is started again, and this returns.
        """
        watched = Watched(service, required)
        if service.port and service.shares_socket:
            watched.listener = ports.listen(*service.port)
        elif service.port:
            ports.require_free(*service.port)
        self._watched.append(watched)
        restarts.forget(self._data_dir, service.name)
        first = watched.child = self._launch(watched)
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
        child = watched.child = self._launch(watched)
        while not child.ended():
            self._tend(but=watched)
        self._watched.remove(watched)
        self._gone(child)
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
            self._console.say(f"stopping {watched.service.name}")
            if watched.listener:
                watched.listener.close()  # whoever connects from now on would wait in vain
            children = [watched.child, watched.successor, *(child for child, _ in watched.draining)]
            running = [child for child in children if child]
            for child in running[1:]:
                child.process.terminate()  # they drain side by side
            for child in running:
                grace = watched.service.grace_seconds
                processes.end_child(child.process, signal.SIGTERM, grace, lambda: self._asks > 1)
                self._gone(child)
            self._watched.remove(watched)
            restarts.forget(self._data_dir, watched.service.name)

    def _tend(self, but: Watched | None = None) -> None:
        """Look after each service once, and after the signals and servers; then wait a moment."""
        for watched in self._watched:
            if watched is not but:
                self._look_after(watched)
                self._look_after_others(watched)
        if self._replace:
            self._replace = False
            self._begin_replacing()
        time.sleep(POLL_SECONDS)
        if self._asks:
            raise Stopped
        for line in self._held.news() if self._held else ():
            self._console.say(line)

    def _look_after(self, watched: Watched) -> None:
        child = watched.child
        if child is None:
            if time.monotonic() >= watched.due and not watched.successor:
                self._again(watched)
        elif child.ended():
            self._bury(watched, child)
        elif watched.backoff.ends and child.ran_seconds() > STEADY_SECONDS:
            watched.backoff.ends = 0
            restarts.forget(self._data_dir, watched.service.name)

    def _look_after_others(self, watched: Watched) -> None:
        """Let a successor take its place once it serves, and see off those that drained."""
        new = watched.successor
        if new and new.ended():
            watched.successor = None
            self._console.say(f"{new.last_words()}\nthe {watched.service.name} that runs goes on")
            self._gone(new)
        elif new and new.serves():
            watched.successor = None
            if watched.child:
                self._drain(watched, watched.child)
            watched.child = new
            self._console.say(f"{watched.service.name} replaced; the old one ends with its last stream")
        for child, until in list(watched.draining):
            if child.ended() or time.monotonic() > until:
                watched.draining.remove((child, until))
                self._gone(child)

    def _begin_replacing(self) -> None:
        for watched in self._watched:
            if watched.listener and not watched.required and not watched.successor:
                try:
                    watched.successor = self._launch(watched)
                except OSError as error:
                    self._console.say(f"{watched.service.name} could not be started anew ({error})")

    def _drain(self, watched: Watched, child: Child) -> None:
        child.process.terminate()
        watched.draining.append((child, time.monotonic() + watched.service.grace_seconds))

    def _bury(self, watched: Watched, child: Child) -> None:
        watched.child, words, ran_seconds = None, child.last_words(), child.ran_seconds()
        self._gone(child)
        if watched.required:
            raise StackError(words)
        self._schedule(watched, words, ran_seconds)

    def _gone(self, child: Child) -> None:
        # A killed parent leaves its children behind: uvicorn's would go on listening on the port.
        processes.kill_group(child.process.pid)
        child.process.wait()
        child.finish()
        self._reaper.ended(child.process.pid)

    def _schedule(self, watched: Watched, why: str, ran_seconds: float = 0) -> None:
        name, pause = watched.service.name, watched.backoff.pause(ran_seconds)
        watched.due = time.monotonic() + pause
        restarts.note(self._data_dir, Restarts(name, watched.backoff.ends, datetime.now(UTC), pause))
        self._console.say(f"{why}\nstarting {name} again {in_words(pause)}")

    def _again(self, watched: Watched) -> None:
        try:
            watched.child = self._launch(watched)
        except OSError as error:  # no memory or no process left, or the program is just being replaced
            self._schedule(watched, f"{watched.service.name} could not be started ({error})")

    def _launch(self, watched: Watched) -> Child:
        child = Child(watched.service, self._console, watched.listener)
        self._reaper.started(child.process.pid, watched.service.grace_seconds)
        return child

    def _late(self, watched: Watched) -> None:
        message = (
            f"{watched.service.name} did not become ready within {READY_SECONDS} s: read its lines above."
        )
        if watched.required:
            raise StackError(message)
        self._console.say(message)


def terminal_is_there() -> bool:
    """Whether this process has a terminal that somebody may still look at."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True
