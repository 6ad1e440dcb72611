"""The process that owns the embedded servers of one data folder for as long as anybody holds a lease on them.

A lease is a connection to the keeper's socket. Closing it gives it up, and the kernel closes it for a
process that was killed; so when the last one is gone, for whatever reason, Redis and PostgreSQL are
stopped. The holder asks with one JSON line, {"needs": ["database", "redis"]}, and is answered with one:
{"urls": {"DATABASE_URL": "…", …}, "notices": ["…"]} or {"error": "…"}. One that shuts down its sending side
is leaving and waits: it is notified by {"others_stay": true} at once, or its connection is closed after the servers
have stopped. A server that ends by itself is started again on its port, after a pause that grows; in between
each holder may be notified so, {"notice": "…"}.
"""

import argparse
import contextlib
import fcntl
import json
import os
import selectors
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from nexus_project.stack.backoff import Backoff, in_words
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import owned_folders
from nexus_project.stack.servers.postgres import Postgres
from nexus_project.stack.servers.redis import Redis

SOCKET = "keeper.sock"
RUN = "run"  # a link in the data folder to a folder with a short path: a socket's path has room for 100 bytes
WATCH_SECONDS = 0.5
FIRST_LEASE_SECONDS = 30
STOP_ORDER = ("redis", "database")


@dataclass(slots=True)
class Kept:
    """A server; `due` is when it is started again after it ended, None while it runs."""

    server: Postgres | Redis
    started_at: float
    due: float | None = None
    backoff: Backoff = field(default_factory=Backoff)


class ServerOwner:
    """The servers that were asked for, and the connections that hold them."""

    def __init__(self, data_dir: Path, run_dir: Path, *, temporary: bool) -> None:
        self._data_dir, self._run_dir, self._temporary = data_dir, run_dir, temporary
        self._kept: dict[str, Kept] = {}
        self._holders: set[socket.socket] = set()
        self._leaving: list[socket.socket] = []
        self._selector = selectors.DefaultSelector()

    def run(self, door: socket.socket) -> None:
        """Serve until the last lease is given up or SIGTERM comes; then stop the servers."""
        deadline = time.monotonic() + FIRST_LEASE_SECONDS
        self._selector.register(door, selectors.EVENT_READ)
        served = False
        try:
            while self._holders or not (served or time.monotonic() > deadline):
                for key, _ in self._selector.select(WATCH_SECONDS):
                    if key.fileobj is door:
                        self._welcome(door)
                    else:
                        served |= self._hear(key.data)
                self._look_after()
        finally:
            door.close()  # a start from now on finds nobody here and waits for its own keeper
            self._stop()

    def _welcome(self, door: socket.socket) -> None:
        holder, _ = door.accept()
        self._holders.add(holder)
        self._selector.register(holder, selectors.EVENT_READ, data=holder)

    def _hear(self, holder: socket.socket) -> bool:
        """Answer a request, or see a holder off; always True: somebody has been served."""
        try:
            line = holder.recv(4096)
        except ConnectionError:
            line = b""
        if line:
            self._say(holder, self._provide(json.loads(line)["needs"]))
            return True
        self._selector.unregister(holder)
        self._holders.discard(holder)
        if self._holders:
            self._say(holder, {"others_stay": True})
            holder.close()
        else:
            self._leaving.append(holder)
        return True

    def _provide(self, needs: list[str]) -> dict[str, object]:
        try:
            servers = [self._running(need) for need in needs]
        except (StackError, OSError) as error:
            return {"error": str(error)}
        return {
            "urls": {name: url for server in servers for name, url in server.urls.items()},
            "notices": [server.notice for server in servers if server.notice],
        }

    def _running(self, need: str) -> Postgres | Redis:
        if need not in self._kept:
            server = self._start(need)
            self._kept[need] = Kept(server, time.monotonic())
            print(server.notice or f"{server.name} up", file=sys.stderr, flush=True)
        kept = self._kept[need]
        self._look(kept)
        if kept.due is not None:
            raise StackError(f"{kept.server.name} ended and is being started again: try again in a minute.")
        return kept.server

    def _start(self, need: str) -> Postgres | Redis:
        if need == "database":
            return Postgres(self._data_dir, self._run_dir, temporary=self._temporary)
        return Redis(self._data_dir, temporary=self._temporary)

    def _look_after(self) -> None:
        for kept in self._kept.values():
            self._look(kept)

    def _look(self, kept: Kept) -> None:
        now, server = time.monotonic(), kept.server
        if kept.due is None and not server.daemon.alive():
            why = f"{server.name} ended by itself: {server.daemon.last_words()}"
            self._schedule(kept, why, now - kept.started_at)
        if kept.due is None or now < kept.due:
            return
        try:
            server.start()
        except (StackError, OSError) as error:
            self._schedule(kept, str(error))
        else:
            kept.started_at, kept.due = time.monotonic(), None
            self._report(server.notice or f"{server.name} is up again")

    def _schedule(self, kept: Kept, why: str, ran_seconds: float = 0) -> None:
        pause = kept.backoff.pause(ran_seconds)
        kept.due = time.monotonic() + pause
        self._report(f"{why}; starting it again {in_words(pause)}")

    def _report(self, notice: str) -> None:
        print(notice, file=sys.stderr, flush=True)
        for holder in self._holders:
            self._say(holder, {"notice": notice})

    def _say(self, holder: socket.socket, response: dict[str, object]) -> None:
        # One that has gone meanwhile is seen off by the next read, and nobody waits for one that does not listen.
        with contextlib.suppress(OSError):
            holder.send(json.dumps(response).encode() + b"\n", socket.MSG_DONTWAIT)

    def _stop(self) -> None:
        for need in STOP_ORDER:
            if need in self._kept:
                self._kept[need].server.daemon.stop()


def main() -> None:
    """Run the keeper of a data folder; a second one for the same folder leaves at once."""
    parser = argparse.ArgumentParser(prog="nexus_project.stack.servers.owner")
    parser.add_argument("data_dir", type=Path)
    parser.add_argument(
        "--temporary", action="store_true", help="favour speed over safety and remove the folder at the end"
    )
    arguments = parser.parse_args()
    os.umask(0o077)
    signal.signal(signal.SIGTERM, _leave)
    with only_one(arguments.data_dir) as first:
        if not first:
            return
        try:
            keep(arguments.data_dir, temporary=arguments.temporary)
        except (StackError, OSError) as error:
            sys.exit(str(error))


def keep(data_dir: Path, *, temporary: bool) -> None:
    """Open the door, keep the servers, and take every trace of the run away."""
    symlink = data_dir / RUN
    _remove_run_folder(symlink)
    run_dir = owned_folders.make_temporary(owned_folders.RUN, data_dir)
    door = socket.socket(socket.AF_UNIX)
    door.bind(str(run_dir / SOCKET))
    door.listen()
    symlink.symlink_to(run_dir)
    owner = ServerOwner(data_dir, run_dir, temporary=temporary)
    try:
        owner.run(door)
    finally:
        _remove_run_folder(symlink)
        if temporary:
            owned_folders.remove_data_folder(data_dir)


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[bool]:
    """Wait for the lock of a keeper that is stopping; False when another one serves."""
    with (data_dir / "keeper.lock").open("w") as lock:
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if (data_dir / RUN / SOCKET).exists():
                    yield False
                    return
                time.sleep(WATCH_SECONDS / 10)
            else:
                yield True
                return


def _remove_run_folder(symlink: Path) -> None:
    if not symlink.is_symlink():
        return
    target = symlink.readlink()
    with contextlib.suppress(FileNotFoundError):
        if target.stat().st_uid == os.geteuid():
            owned_folders.remove(target)
    symlink.unlink()


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


if __name__ == "__main__":
    main()
