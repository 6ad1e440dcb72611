"""The processes that a run kills and starts again, each at its own address for the whole run."""

import asyncio
import contextlib
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import psutil

from nexus_project import env
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import processes
from nexus_project.stack.servers.daemon import Daemon
from nexus_project.stack.supervision.commands import Service
from nexus_project.stack.supervision.reaper import Reaper
from tests.chaos.faulty_disk import FaultyDisk
from tests.chaos.life import Life, Trouble

BACK_SECONDS = 90.0
LOOK_SECONDS = 0.05
STOP_SECONDS = 15.0
LAST_LINES = 4
GROWN_SECONDS = 3.0
# In the command line of what serves below a supervisor, or below the parent of several processes.
SERVES = ("nexus_project.serve", "spawn_main")


class Part:
    """A service. `up` while it may be used; `falls` are its last words each time that it ended by itself."""

    def __init__(
        self,
        service: Service,
        environment: Mapping[str, str],
        log: Path,
        reaper: Reaper,
        disk: FaultyDisk | None = None,
    ) -> None:
        self.name = service.name
        self.address = service.ready_url.removesuffix("/health/ready")
        self.up = False
        self.falls: list[str] = []
        self.disk = disk
        self.troubles: list[Trouble] = []
        self.life = Life(self.troubles)
        self.lock = asyncio.Lock()
        self._service, self._environment, self._log = service, environment, log
        self._reaper = reaper
        self._process: subprocess.Popen[bytes] | None = None

    async def start(self) -> None:
        """Start it and wait until it is ready; TimeoutError when it does not come back."""
        self.life = Life(self.troubles)
        self._launch()
        async with asyncio.timeout(BACK_SECONDS):
            while not await asyncio.to_thread(self._ready):
                if self.ended():
                    self._fell()
                    self._launch()
                await asyncio.sleep(LOOK_SECONDS)
        self.up = True

    async def start_again(self) -> None:
        """After it ended by itself: do what a supervisor does."""
        self.up = False
        self._fell()
        await self.start()

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def family(self) -> list[int]:
        """The pids of the process and of all that it started; [] when it is gone."""
        with contextlib.suppress(psutil.NoSuchProcess):
            root = psutil.Process(self.pid)
            return [root.pid, *(child.pid for child in root.children(recursive=True))]
        return []

    def serving(self) -> list[psutil.Process]:
        """Those of its processes that a rolling restart replaces."""
        found = []
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in psutil.Process(self.pid).children():
                with contextlib.suppress(psutil.NoSuchProcess):
                    if any(word in " ".join(child.cmdline()) for word in SERVES):
                        found.append(child)
        return found

    def hang_up(self) -> None:
        """SIGHUP: replace what serves."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGHUP)

    def ended(self) -> bool:
        return self._process is not None and self._process.poll() is not None

    def kill(self) -> None:
        """SIGKILL to the process and everything that it started."""
        self.up = False
        self.life.killed = True
        if self._process:
            kill_tree(self._process.pid)
            self._process.wait()
            self._reaper.ended(self._process.pid)

    def kill_child(self, source: random.Random) -> bool:
        """SIGKILL to one of the processes that it started, and that had time to come up; False if there is none."""
        with contextlib.suppress(psutil.NoSuchProcess):
            children = psutil.Process(self._process.pid).children() if self._process else []
            grown = [child for child in children if time.time() - child.create_time() > GROWN_SECONDS]
            if grown:
                source.choice(grown).kill()
                return True
        return False

    def _launch(self) -> None:
        failing = self.disk.environment if self.disk else {}
        extra = {**self._service.environment, **self._environment, **failing}
        with self._log.open("ab") as output:
            self._process = subprocess.Popen(
                self._service.command,
                env=env.child_environment(extra),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=env.BASE_DIR,
                start_new_session=True,
            )
        self._reaper.started(self._process.pid, STOP_SECONDS)

    def _fell(self) -> None:
        if self._process:
            kill_tree(self._process.pid)
            self._reaper.ended(self._process.pid)
            last = self._log.read_text(errors="replace").splitlines()[-LAST_LINES:]
            self.falls.append(f"status {self._process.returncode}: {' | '.join(last)}")

    def _ready(self) -> bool:
        if not self._service.ready_url:
            return True
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(self._service.ready_url, timeout=2).status_code == 200
        return False


class Server:
    """Redis or PostgreSQL. Killed as a whole, then started as it was, on the same port, with or without its data."""

    def __init__(
        self, name: str, daemon: Daemon, responses: Callable[[], bool], reaper: Reaper, data: str = ""
    ) -> None:
        """`data` is a pattern for what a wipe removes below the server's folder."""
        self.name = name
        self.lock = asyncio.Lock()
        self._daemon, self._responses, self._reaper, self._data = daemon, responses, reaper, data
        self._reaper.started(self._pid, STOP_SECONDS)

    @property
    def _pid(self) -> int:
        return int(self._daemon.program.pid_file.read_text().split()[0])

    async def start(self) -> None:
        await asyncio.to_thread(self._start)

    def kill(self) -> None:
        pid = self._pid
        kill_tree(pid)
        processes.wait_until(lambda: not self._daemon.alive(), STOP_SECONDS)
        self._reaper.ended(pid)

    def wipe(self) -> None:
        for path in self._daemon.program.folder.glob(self._data):
            shutil.rmtree(path) if path.is_dir() else path.unlink()

    def stop(self) -> None:
        pid = self._pid
        self._daemon.stop()
        self._reaper.ended(pid)

    def _start(self) -> None:
        for last in (False, False, True):
            # A connection may have been given the server's port meanwhile; it goes soon.
            self._daemon = Daemon(self._daemon.program)
            self._reaper.started(self._pid, STOP_SECONDS)
            try:
                self._daemon.wait_ready(self._responses)
            except StackError:
                if last:
                    raise
            else:
                return


def kill_tree(pid: int) -> None:
    """A celery parent leaves its children behind, and PostgreSQL's have groups of their own."""
    try:
        family = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    for process in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
