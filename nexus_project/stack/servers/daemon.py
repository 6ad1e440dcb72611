"""One embedded server in a session of its own: started, watched, stopped, found again after a crash."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders, owned_folders, processes
from nexus_project.stack.machine.account import Account, started_as

READY_SECONDS = 120  # a cluster that recovers from a crash replays its log first
STOP_SECONDS = 60
LOG_LINES = 8


@dataclass(frozen=True, slots=True)
class Program:
    """What to start, where its log and pid go, and the signal that stops it without losing anything.

    `niceness` is how much lower than ours its priority is, `holds` a folder of `owned_folders` that it uses.
    """

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path
    pid_file: Path
    stop_signal: signal.Signals
    account: Account | None = None
    niceness: int = 0
    holds: Path | None = None


class Daemon:
    """A started Program."""

    def __init__(self, program: Program) -> None:
        self.program = program
        if program.log.exists():
            program.log.replace(program.log.with_suffix(".previous.log"))
        with program.log.open("wb") as log, owned_folders.holding(program.holds) as held:
            program.log.chmod(0o600)
            self._child = subprocess.Popen(
                program.command,
                cwd=program.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                pass_fds=held,
                **started_as(program.account),
            )
        pid = self._child.pid
        # Before it starts processes of its own, which inherit it.
        os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, 0) + program.niceness)
        folders.write_private_file(program.pid_file, f"{pid} {processes.birth(pid)}\n")

    def alive(self) -> bool:
        return self._child.poll() is None

    def gave_up(self) -> bool:
        """Whether it ended with an error of its own: not in order, and not killed from outside."""
        return self._child.poll() not in (None, 0, -signal.SIGTERM, -signal.SIGKILL)

    def wait_ready(self, responses: Callable[[], bool]) -> None:
        """Wait until the server answers; StackError with its last words when it ends or stays silent."""
        ready = processes.wait_until(lambda: not self.alive() or responses(), READY_SECONDS)
        if not ready or not self.alive():
            self.stop()
            raise StackError(f"{self.program.name} did not start: {self.last_words()}")

    def stop(self) -> None:
        """Stop it and wait for its end."""
        processes.end_child(self._child, self.program.stop_signal, STOP_SECONDS)
        self.program.pid_file.unlink(missing_ok=True)

    def last_words(self) -> str:
        """The end of its log and where the rest is, on one line."""
        lines = self.program.log.read_text(errors="replace").splitlines()[-LOG_LINES:]
        return f"{' | '.join(line.strip() for line in lines) or 'it said nothing'} (log: {self.program.log})"


def stop_leftover(pid_file: Path, stop_signal: signal.Signals) -> None:
    """Stop the server that an earlier start left running because its keeper was killed."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        pid_text, birth_text = pid_file.read_text().split()
        pid, birth = int(pid_text), float(birth_text)
        if abs(processes.birth(pid) - birth) < 1:
            processes.end(pid, stop_signal, STOP_SECONDS, lambda: not processes.running(pid))
    pid_file.unlink(missing_ok=True)
