"""Sharing the embedded servers between commands."""

import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from nexus_project.stack import folders, keeper, lease, processes
from nexus_project.stack.errors import StackError


def keeper_of(data_dir: Path) -> psutil.Process:
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if {"nexus_project.stack.keeper", str(data_dir)} <= set(process.info["cmdline"] or [])
    ]
    return found


def pid_of(data_dir: Path, server: str) -> int:
    return int((data_dir / f"{server}.pid").read_text().split()[0])


def test_two_holders_share_the_servers_and_the_last_one_stops_them(data_dir: Path) -> None:
    first = lease.take(data_dir, ["redis"])
    second = lease.take(data_dir, ["redis"])
    server = pid_of(data_dir, "redis")
    assert first.urls == second.urls

    second.leave()
    assert processes.running(server)
    assert not first.broken()

    first.leave()
    assert not processes.running(server)
    assert not (data_dir / keeper.RUN).is_symlink()


def test_data_that_redis_could_not_read_are_told_to_who_takes_the_lease_and_in_the_log(
    data_dir: Path,
) -> None:
    folders.make_private_folder(data_dir / "redis")
    (data_dir / "redis" / "appendonly.aof").write_bytes(b"REDIS0012 as no older program reads it")

    held = lease.take(data_dir, ["redis"])
    held.leave()

    [notice] = held.notices
    assert "started empty; it is moved to" in notice
    assert notice in (data_dir / "keeper.log").read_text()


def test_a_later_holder_may_need_more_than_the_first(data_dir: Path) -> None:
    first = lease.take(data_dir, ["redis"])
    second = lease.take(data_dir, ["database", "redis"])

    with psycopg.connect(second.urls["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)

    second.leave()
    first.leave()


def test_temporary_servers_leave_no_folder(data_dir: Path) -> None:
    folder = folders.make_data_folder(data_dir / "temporary")

    lease.take(folder, ["redis"], temporary=True).leave()

    assert not folder.exists()


def test_a_killed_keeper_is_noticed_and_the_next_start_takes_over(data_dir: Path) -> None:
    lost = lease.take(data_dir, ["redis"])
    orphan = pid_of(data_dir, "redis")
    keeper_of(data_dir).kill()
    assert processes.wait_until(lambda: bool(lost.broken()), 5)
    assert "keeper of the embedded servers has ended" in lost.broken()
    lost.leave()

    found = lease.take(data_dir, ["redis"])

    assert not processes.running(orphan)
    found.leave()


def test_a_keeper_that_is_told_to_end_stops_its_servers(data_dir: Path) -> None:
    held = lease.take(data_dir, ["redis"])
    server = pid_of(data_dir, "redis")

    keeper_of(data_dir).send_signal(signal.SIGTERM)

    assert processes.wait_until(lambda: bool(held.broken()), 5)
    assert not processes.running(server)
    held.leave()


def test_a_server_that_cannot_start_is_reported_to_its_holder(data_dir: Path) -> None:
    (data_dir / "redis").write_text("in the way")

    with pytest.raises(StackError, match="File exists"):
        lease.take(data_dir, ["redis"])


def test_a_folder_of_a_stranger_behind_the_link_is_not_trusted(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = lease.take(data_dir, ["redis"])
    stranger = os.geteuid() + 1

    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: stranger)
        assert lease._connect(data_dir) is None

    held.leave()
