"""Sharing the embedded servers between commands."""

import os
import signal
from pathlib import Path

import psycopg
import pytest

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders, processes
from nexus_project.stack.servers import lease, owner
from tests.stack.conftest import owner_of_servers, pid_of

SOON = 60  # a deadline, kept also where the machine has other things to do


def news_of(held: lease.Lease, count: int) -> list[str]:
    """What the holder hears, until it is so much."""
    said: list[str] = []

    def heard() -> bool:
        said.extend(held.news())
        return len(said) >= count

    assert processes.wait_until(heard, SOON), said
    return said


def test_two_holders_share_the_servers_and_the_last_one_stops_them(data_dir: Path) -> None:
    first = lease.take(data_dir, ["redis"])
    second = lease.take(data_dir, ["redis"])
    server = pid_of(data_dir, "redis")
    assert first.urls == second.urls

    second.leave()
    assert processes.running(server)
    assert not first.news()
    assert not first.lost()

    first.leave()
    assert not processes.running(server)
    assert not (data_dir / owner.RUN).is_symlink()


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
    owner_of_servers(data_dir).kill()
    assert processes.wait_until(lambda: not lost.news() and lost.lost(), SOON)
    lost.leave()

    found = lease.take(data_dir, ["redis"])

    assert not processes.running(orphan)
    found.leave()


def test_a_keeper_that_is_told_to_end_stops_its_servers(data_dir: Path) -> None:
    held = lease.take(data_dir, ["redis"])
    server = pid_of(data_dir, "redis")

    owner_of_servers(data_dir).send_signal(signal.SIGTERM)

    assert processes.wait_until(lambda: not held.news() and held.lost(), SOON)
    assert not processes.running(server)
    held.leave()


def test_a_server_that_ends_is_started_again_at_its_address_and_its_holders_are_told(data_dir: Path) -> None:
    first, second = lease.take(data_dir, ["redis"]), lease.take(data_dir, ["redis"])
    before = pid_of(data_dir, "redis")
    os.kill(before, signal.SIGKILL)

    said = news_of(first, 2)

    assert "Redis ended by itself" in said[0]
    assert said[0].endswith("starting it again now")
    assert said[1] == "Redis is up again"
    assert len(second.news()) == 2
    third = lease.take(data_dir, ["redis"])
    assert third.urls == first.urls
    assert pid_of(data_dir, "redis") != before
    for each in (third, second, first):
        each.leave()


def test_a_server_that_does_not_start_again_is_tried_with_growing_pauses_and_refused_meanwhile(
    data_dir: Path,
) -> None:
    held = lease.take(data_dir, ["redis"])
    config = data_dir / "redis" / "redis.conf"
    sound = config.read_text()
    config.write_text("no-such-setting yes\n")
    os.kill(pid_of(data_dir, "redis"), signal.SIGKILL)

    said = news_of(held, 3)

    assert [line.rpartition("; ")[2] for line in said[:3]] == [
        "starting it again now",
        "starting it again in 1 s",
        "starting it again in 2 s",
    ]
    with pytest.raises(StackError, match="Redis ended and is being started again"):
        lease.take(data_dir, ["redis"])
    config.write_text(sound)
    assert processes.wait_until(lambda: "Redis is up again" in held.news(), SOON)
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
