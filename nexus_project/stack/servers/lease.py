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
from nexus_project.stack.errors import StackError
from nexus_project.stack.servers import owner

START_SECONDS = 180
POLL_SECONDS = 0.02


class Lease:
    """Holds the servers in `needs` up until `leave`.

    `urls` maps the names of settings to their addresses, `notices` are sentences about their start.
    """

    def __init__(
        self,
        connection: socket.socket,
        lines: "Lines",
        needs: Sequence[str],
        urls: dict[str, str],
        child: subprocess.Popen[bytes] | None,
        notices: Sequence[str] = (),
    ) -> None:
        self._connection, self._lines, self._child = connection, lines, child
        self.needs, self.urls, self.notices = needs, urls, notices

    def fileno(self) -> int:
        """The descriptor to hand to a process that shall hold the lease too."""
        return self._connection.fileno()

    def news(self) -> list[str]:
        """What the keeper has said of its servers since the last time, in sentences."""
        return [str(line["notice"]) for line in self._lines.waiting() if "notice" in line]

    def lost(self) -> bool:
        """Whether the keeper has gone, and with it whoever would start the servers again."""
        return self._lines.ended

    def leave(self) -> None:
        """Give the lease back; the last one to leave waits until the servers have stopped."""
        with contextlib.suppress(OSError):  # the keeper may be gone already
            self._connection.shutdown(socket.SHUT_WR)
        response = self._lines.next()
        while "notice" in response:
            response = self._lines.next()
        self._connection.close()
        if self._child and not response.get("others_stay"):
            self._child.wait()


class Lines:
    """What the keeper says, a JSON object a line; `ended` once it can say no more."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection, self._rest, self.ended = connection, b"", False

    def next(self) -> dict[str, object]:
        """Wait for the next object; {} when the keeper has gone."""
        while b"\n" not in self._rest and not self.ended:
            self._read()
        line, _, self._rest = self._rest.partition(b"\n")
        return dict(json.loads(line)) if line else {}

    def waiting(self) -> list[dict[str, object]]:
        """The objects that have come, without waiting for more."""
        while not self.ended and select.select([self._connection], [], [], 0)[0]:
            self._read()
        *lines, self._rest = self._rest.split(b"\n")
        return [dict(json.loads(line)) for line in lines]

    def _read(self) -> None:
        try:
            fragment = self._connection.recv(4096)
        except ConnectionError:
            fragment = b""
        self._rest += fragment
        self.ended = not fragment


def take(data_dir: Path, needs: Sequence[str], *, temporary: bool = False) -> Lease:
    """A lease on the servers in `needs`, started if not up; StackError says why they do not start."""
    child: subprocess.Popen[bytes] | None = None
    deadline = time.monotonic() + START_SECONDS
    while True:
        connection = _connect(data_dir)
        if connection:
            return _ask(connection, needs, child)
        if child is None or child.poll() == 0:
            child = _start_owner(data_dir, temporary=temporary)
        elif child.poll() is not None or time.monotonic() > deadline:
            words = (data_dir / "keeper.log").read_text(errors="replace").strip().splitlines()[-1:]
            raise StackError(
                f"The embedded servers did not start: {' '.join(words)} (log: {data_dir / 'keeper.log'})"
            )
        time.sleep(POLL_SECONDS)


def _connect(data_dir: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX)
    try:
        run_dir = (data_dir / owner.RUN).readlink()
        # After a reboot a stranger could have made a folder of that name.
        if run_dir.stat().st_uid == os.geteuid():
            connection.connect(str(run_dir / owner.SOCKET))
            return connection
    except OSError:
        pass  # no keeper, or one that is stopping
    connection.close()
    return None


def _ask(connection: socket.socket, needs: Sequence[str], child: subprocess.Popen[bytes] | None) -> Lease:
    connection.sendall(json.dumps({"needs": list(needs)}).encode() + b"\n")
    lines = Lines(connection)
    response = lines.next()
    while "notice" in response:
        response = lines.next()
    urls, notices = response.get("urls"), response.get("notices")
    if isinstance(urls, dict) and isinstance(notices, list):
        return Lease(connection, lines, needs, urls, child, notices)
    Lease(connection, lines, needs, {}, child).leave()
    raise StackError(str(response.get("error", "The embedded servers stopped while starting: start again.")))


def _start_owner(data_dir: Path, *, temporary: bool) -> subprocess.Popen[bytes]:
    options = ["--temporary"] if temporary else []
    path = data_dir / "keeper.log"
    with path.open("wb") as log:
        path.chmod(0o600)
        return subprocess.Popen(
            [sys.executable, "-m", "nexus_project.stack.servers.owner", str(data_dir), *options],
            cwd=BASE_DIR,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
