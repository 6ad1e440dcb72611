"""The embedded PostgreSQL, for real."""

import os
import signal
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
import pytest

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import account, owned_folders
from nexus_project.stack.servers import postgres_home
from nexus_project.stack.servers.postgres import Postgres

as_root = os.geteuid() == 0


@contextmanager
def running(data_dir: Path, run_dir: Path) -> Iterator[Postgres]:
    server = Postgres(data_dir, run_dir, temporary=True)
    try:
        yield server
    finally:
        server.daemon.stop()


def ask(url: str, query: str) -> object:
    with psycopg.connect(url, connect_timeout=5) as connection:
        row = connection.execute(query).fetchone()
    return row[0] if row else None


def home(data_dir: Path) -> Path:
    """Where its cluster is: beside the clone, or below /var/lib where the clone lies in a folder of root's own."""
    return postgres_home.find(data_dir).folder


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_second_start_finds_the_data_of_the_first(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as first, psycopg.connect(first.url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 'still here' AS word")

    with running(data_dir, run_dir) as second:
        assert ask(second.url, "SELECT word FROM kept") == "still here"


def test_nobody_enters_without_the_password(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as server:
        wrong = server.url.replace(":", ":wrong-", 2).replace("postgresql:wrong-", "postgresql:")
        over_the_socket = (
            f"host={run_dir / 'postgres'} port={server.url.split(':')[-1].split('/')[0]} user=nexus"
        )

        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(over_the_socket, dbname="nexus", passfile="/dev/null")


def test_the_cluster_is_utf8_with_a_locale_that_no_system_upgrade_changes(
    data_dir: Path, run_dir: Path
) -> None:
    with running(data_dir, run_dir) as server:
        assert ask(server.url, "SHOW server_encoding") == "UTF8"
        assert ask(server.url, "SELECT datlocale FROM pg_database WHERE datname = 'nexus'") == "C.UTF-8"


def test_only_the_owner_reads_data_password_log_and_socket_folder(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir):
        assert mode(home(data_dir)) == 0o700
        assert mode(home(data_dir) / "data") == 0o700
        assert mode(home(data_dir) / "password") == 0o600
        assert mode(data_dir / "postgres.log") == 0o600
        assert mode(run_dir / "postgres") == 0o700


def test_its_sessions_yield_to_the_proxy(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as server, psycopg.connect(server.url) as connection:
        lower = os.getpriority(os.PRIO_PROCESS, connection.info.backend_pid)

    assert lower == os.getpriority(os.PRIO_PROCESS, 0) + 10


def test_it_listens_on_loopback_only(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as server:
        assert ask(server.url, "SHOW listen_addresses") == "127.0.0.1"


def test_a_cluster_that_was_killed_recovers(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as first:
        with psycopg.connect(first.url) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 7 AS number")
        os.kill(int((data_dir / "postgres.pid").read_text().split()[0]), signal.SIGKILL)

    with running(data_dir, run_dir) as second:
        assert ask(second.url, "SELECT number FROM kept") == 7


def test_a_server_left_running_by_a_killed_keeper_is_stopped_first(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir) as left:
        with running(data_dir, run_dir) as server:
            assert ask(server.url, "SELECT 1") == 1
        assert not left.daemon.alive()


def test_a_pid_that_now_belongs_to_another_process_is_left_alone(data_dir: Path, run_dir: Path) -> None:
    with subprocess.Popen(["/bin/sleep", "60"], start_new_session=True) as stranger:
        (data_dir / "postgres.pid").write_text(f"{stranger.pid} 12345.0\n")
        with running(data_dir, run_dir):
            assert stranger.poll() is None
        stranger.kill()


def test_a_stale_postmaster_pid_does_not_stop_a_start(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir):
        pass
    (home(data_dir) / "data" / "postmaster.pid").write_text("999999\n/nowhere\n")

    with running(data_dir, run_dir) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_cluster_of_another_major_version_is_refused_with_advice(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir):
        pass
    (home(data_dir) / "data" / "PG_VERSION").write_text("17\n")

    with pytest.raises(StackError, match=r"made by PostgreSQL 17 and this is 18: dump it .* or move"):
        Postgres(data_dir, run_dir, temporary=True)


def test_a_start_cut_short_in_initdb_is_made_good(data_dir: Path, run_dir: Path) -> None:
    (home(data_dir) / "data.half").mkdir()

    with running(data_dir, run_dir) as server:
        assert ask(server.url, "SELECT 1") == 1


def test_a_server_that_does_not_start_is_quoted(data_dir: Path, run_dir: Path) -> None:
    with running(data_dir, run_dir):
        pass
    with (home(data_dir) / "data" / "postgresql.conf").open("a") as config:
        config.write("no_such_parameter = 1\n")

    with pytest.raises(StackError, match=r"PostgreSQL did not start: .*no_such_parameter"):
        Postgres(data_dir, run_dir, temporary=True)


def test_root_never_runs_it_and_no_folder_is_widened(closed_dir: Path, run_dir: Path) -> None:
    before = mode(closed_dir.parent), mode(postgres_home.packaged())

    with running(closed_dir, run_dir) as server:
        assert ask(server.url, "SELECT 1") == 1
        owner = (postgres_home.find(closed_dir).data / "base").stat().st_uid

    dropped = account.dropped()
    assert owner == (dropped.uid if dropped else os.geteuid())
    assert owner != 0
    assert before == (mode(closed_dir.parent), mode(postgres_home.packaged()))


def test_the_home_apart_is_used_only_when_the_account_cannot_reach(closed_dir: Path, data_dir: Path) -> None:
    dropped = account.dropped()
    can_run = not dropped or dropped.reaches(postgres_home.packaged() / "bin" / "postgres")

    assert home(data_dir) == (data_dir if can_run else owned_folders.home(data_dir)) / "postgres"
    assert home(closed_dir) == (owned_folders.home(closed_dir) if as_root else closed_dir) / "postgres"
