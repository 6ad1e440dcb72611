"""The embedded PostgreSQL: a cluster of its own, a generated password, nobody trusted."""

import secrets
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path

import psycopg
from psycopg import sql

from nexus_project.operations import roles
from nexus_project.operations.grants import ROLES
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders, ports
from nexus_project.stack.machine.account import started_as
from nexus_project.stack.servers import daemon, postgres_home
from nexus_project.stack.servers.daemon import Daemon, Program
from nexus_project.stack.servers.postgres_home import Home

USER = DATABASE = "nexus"
PID_FILE = "postgres.pid"
STOP_SIGNAL = signal.SIGINT  # "fast": sessions are ended, transactions rolled back, everything written
DURABLE: tuple[str, ...] = ()
# Safe when the server is killed, not when the machine is; synchronous_commit stays on, as tests kill servers.
THROW_AWAY = ("fsync=off", "full_page_writes=off")
# Traffic first, as of the worker (nexus_project.celery): it stores while streams run on the same machine.
NICENESS = 10


class Postgres:
    """A running server; `urls` are its addresses by the setting that takes each, `url` is the owner's."""

    name = "PostgreSQL"
    notice = ""

    def __init__(self, data_dir: Path, run_dir: Path, *, temporary: bool) -> None:
        home = postgres_home.find(data_dir)
        _require_same_major(home)
        daemon.stop_leftover(data_dir / PID_FILE, STOP_SIGNAL)
        port = ports.kept(data_dir / "postgres.port")
        options = THROW_AWAY if temporary else DURABLE
        self._program = _program(home, data_dir, _socket_folder(home, run_dir), port, options)
        password = _password(home, home.password_file)
        _make_cluster(home)
        self.url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/{DATABASE}"
        passwords = {role: _password(home, home.password_file_of(role)) for role in ROLES}
        self.urls = {"DATABASE_URL": self.url} | {
            roles.ADDRESS_SETTINGS[role]: roles.address(self.url, role, passwords[role]) for role in ROLES
        }
        self._server_url = f"postgresql://{USER}:{password}@127.0.0.1:{port}/postgres"
        self.start()
        self._make_database(passwords)

    def start(self) -> None:
        """Start the server, for the first time or after its end; StackError when it does not answer."""
        self.daemon = Daemon(self._program)
        self.daemon.wait_ready(self._responses)

    def _responses(self) -> bool:
        try:
            psycopg.connect(self._server_url, connect_timeout=2).close()
        except psycopg.OperationalError:
            return False
        return True

    def _make_database(self, passwords: Mapping[str, str]) -> None:
        """The database, and the roles that sign in to it: what they may do there is granted after each migration."""
        with psycopg.connect(self._server_url, autocommit=True) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not found:
                connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            roles.make(connection, passwords)


def _program(home: Home, data_dir: Path, sockets: Path, port: int, options: tuple[str, ...]) -> Program:
    settings = (
        "listen_addresses=127.0.0.1",
        f"port={port}",
        f"unix_socket_directories={sockets}",
        "unix_socket_permissions=0700",
        "logging_collector=off",
        "max_connections=200",
        *options,
    )
    flags = [part for setting in settings for part in ("-c", setting)]
    return Program(
        name=Postgres.name,
        command=(home.program("postgres"), "-D", str(home.data), *flags),
        folder=home.folder,
        log=data_dir / "postgres.log",
        pid_file=data_dir / PID_FILE,
        stop_signal=STOP_SIGNAL,
        account=home.account,
        niceness=NICENESS,
        holds=home.apart,
    )


def _socket_folder(home: Home, run_dir: Path) -> Path:
    folder = folders.make_private_folder(run_dir / "postgres")
    if home.account:
        home.account.owns(folder)
    return folder


def _password(home: Home, file: Path) -> str:
    """The password that a file keeps, made at the first start and never changed."""
    if not file.exists():
        folders.write_private_file(file, secrets.token_urlsafe(32))
        if home.account:
            home.account.owns(file)
    return file.read_text(encoding="utf-8").strip()


def _make_cluster(home: Home) -> None:
    """initdb beside the final place and a rename, so that a start cut short leaves no half cluster."""
    if home.data.exists():
        return
    half = home.folder / "data.half"
    shutil.rmtree(half, ignore_errors=True)
    _run(
        home,
        "initdb",
        f"--pgdata={half}",
        f"--username={USER}",
        f"--pwfile={home.password_file}",
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        "--locale=C",
        "--locale-provider=builtin",
        "--builtin-locale=C.UTF-8",
        "--no-instructions",
    )
    half.rename(home.data)


def _require_same_major(home: Home) -> None:
    version_file = home.data / "PG_VERSION"
    if not version_file.exists():
        return
    theirs = version_file.read_text(encoding="utf-8").strip()
    ours = _run(home, "postgres", "--version").split()[-1].split(".")[0]
    if theirs != ours:
        raise StackError(
            f"{home.data} was made by PostgreSQL {theirs} and this is {ours}: dump it with that one "
            f"(pg_dump) and load it into a new one, or move {home.folder} away to start empty."
        )


def _run(home: Home, program: str, *arguments: str) -> str:
    done: subprocess.CompletedProcess[str] = subprocess.run(
        [home.program(program), *arguments],
        cwd=home.folder,
        capture_output=True,
        text=True,
        check=False,
        **started_as(home.account),
    )
    if done.returncode:
        raise StackError(f"{program} failed: {' | '.join(done.stderr.split(chr(10)))[-600:].strip(' |')}")
    return done.stdout.strip()
