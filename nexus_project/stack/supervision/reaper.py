"""The process that cleans up after a supervisor that was killed.

It reads the supervisor's notes from a pipe: `start <pid> <grace seconds>` and `end <pid>` for each
child. `bye` means a regular end. The end of the pipe without it means that the supervisor is dead: the
children are then stopped in the reverse order of their start. It holds the supervisor's lease as well,
so that Redis and PostgreSQL outlive the services that drain into them.
"""

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterable

from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import processes


class Reaper:
    """The supervisor's end of the pipe."""

    def __init__(self, hold: Iterable[int] = ()) -> None:
        """`hold` are descriptors that the guardian keeps open as long as it lives."""
        self._children: dict[int, float] = {}
        self._process = _start(hold)

    def started(self, pid: int, grace_seconds: float) -> None:
        self._children[pid] = grace_seconds
        self._note(f"start {pid} {grace_seconds}")

    def ended(self, pid: int) -> None:
        self._children.pop(pid, None)
        self._note(f"end {pid}")

    def renew(self, hold: Iterable[int]) -> None:
        """Put a process that holds these descriptors in the place of the one that holds others."""
        before, self._process = self._process, _start(hold)
        for pid, grace_seconds in self._children.items():
            self._note(f"start {pid} {grace_seconds}")
        _dismiss(before)

    def dismiss(self) -> None:
        """All children have ended: let the guardian go."""
        _dismiss(self._process)

    def _note(self, line: str) -> None:
        # Without its guardian the supervisor still stops everything itself.
        with contextlib.suppress(BrokenPipeError):
            _write(self._process, line)


def _start(hold: Iterable[int]) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "nexus_project.stack.supervision.reaper"],
        cwd=BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        pass_fds=tuple(hold),
    )


def _write(process: subprocess.Popen[bytes], line: str) -> None:
    pipe = process.stdin
    if pipe and process.poll() is None:
        pipe.write(f"{line}\n".encode())
        pipe.flush()


def _dismiss(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):
        _write(process, "bye")
    process.communicate()


def watch(notes: Iterable[str]) -> None:
    """Follow the notes to their end, then stop what they left running."""
    children: dict[int, float] = {}
    for note in notes:
        match note.split():
            case ["start", pid, grace_seconds]:
                children[int(pid)] = float(grace_seconds)
            case ["end", pid]:
                children.pop(int(pid), None)
            case ["bye"]:
                return
    for child, patience in reversed(children.items()):
        stop(child, patience)


def stop(pid: int, grace_seconds: float) -> None:
    """Stop a child of the dead supervisor and the group it leads."""
    processes.end(pid, signal.SIGTERM, grace_seconds, lambda: not processes.running(pid))


if __name__ == "__main__":
    watch(sys.stdin)
