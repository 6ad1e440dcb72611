"""The right to use the embedded servers of a data folder: taken by a process, given back, or lost with it."""

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from nexus_project.env import BASE_DIR
from nexus_project.stack import keeper
from nexus_project.stack.errors import StackError

START_SECONDS = 180
POLL_SECONDS = 0.02


class Lease:
    """Holds the servers up until `leave`.

    `urls` maps the names of settings to their addresses, `notices` are sentences about their start.
    """

    def __init__(
        self,
        connection: socket.socket,
        urls: dict[str, str],
        child: subprocess.Popen[bytes] | None,
        notices: Sequence[str] = (),
    ) -> None:
        self._connection, self.urls, self._child = connection, urls, child
        self.notices = notices

    def fileno(self) -> int:
        """The descriptor to hand to a process that shall hold the lease too."""
        return self._connection.fileno()

    def broken(self) -> str:
        """Why the servers are gone, or an empty string while they are up."""
        readable, _, _ = select.select([self._connection], [], [], 0)
        if not readable:
            return ""
        answer = _read_line(self._connection)
        return (
            str(answer["error"]) if answer else "The keeper of the embedded servers has ended: start again."
        )

    def leave(self) -> None:
        """Give the lease back; the last one to leave waits until the servers have stopped."""
        with contextlib.suppress(OSError):  # the keeper may be gone already
            self._connection.shutdown(socket.SHUT_WR)
        others_stay = _read_line(self._connection).get("others_stay")
        self._connection.close()
        if self._child and not others_stay:
            self._child.wait()


def take(data_dir: Path, needs: Sequence[str], *, temporary: bool = False) -> Lease:
    """A lease on the servers in `needs`, started if not up; StackError says why they do not start."""
    child: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = _connect(data_dir)
        if connection:
            return _ask(connection, needs, child)
        if child is None or child.poll() == 0:
            child = _start_keeper(data_dir, temporary=temporary)
        elif child.poll() is not None or time.monotonic() > deadline:
            words = (data_dir / "keeper.log").read_text(errors="replace").strip().splitlines()[-1:]
            raise StackError(
                f"The embedded servers did not start: {' '.join(words)} (log: {data_dir / 'keeper.log'})"
            )
        time.sleep(POLL_SECONDS)


def _connect(data_dir: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        run_dir = (data_dir / keeper.RUN).readlink()
        # After a reboot a stranger could have made a folder of that name.
        if run_dir.stat().st_uid == os.geteuid():
            connection.connect(str(run_dir / keeper.SOCKET))
            return connection
    except OSError:
        pass  # no keeper, or one that is stopping
    connection.close()
    return None


def _ask(connection: socket.socket, needs: Sequence[str], child: subprocess.Popen[bytes] | None) -> Lease:
    connection.sendall(json.dumps({"needs": list(needs)}).encode() + b"\n")
    answer = _read_line(connection)
    urls, notices = answer.get("urls"), answer.get("notices")
    if isinstance(urls, dict) and isinstance(notices, list):
        return Lease(connection, urls, child, notices)
    Lease(connection, {}, child).leave()
    raise StackError(str(answer.get("error", "The embedded servers stopped while starting: start again.")))


def _read_line(connection: socket.socket) -> dict[str, object]:
    """The keeper's next answer; {} when it has gone."""
    line = b""
    while not line.endswith(b"\n"):
        try:
            piece = connection.recv(4096)
        except ConnectionError:
            return {}
        if not piece:
            return {}
        line += piece
    return dict(json.loads(line))


def _start_keeper(data_dir: Path, *, temporary: bool) -> subprocess.Popen[bytes]:
    options = ["--temporary"] if temporary else []
    path = data_dir / "keeper.log"
    with path.open("wb") as log:
        path.chmod(0o600)
        return subprocess.Popen(
            [sys.executable, "-m", "nexus_project.stack.keeper", str(data_dir), *options],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
