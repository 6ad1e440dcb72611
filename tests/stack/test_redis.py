"""The embedded Redis, for real."""

import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis

from nexus_project.stack.errors import StackError
from nexus_project.stack.servers import redis as embedded


@contextmanager
def running(data_dir: Path) -> Iterator[embedded.Redis]:
    server = embedded.Redis(data_dir, temporary=False)
    try:
        yield server
    finally:
        server.daemon.stop()


@contextmanager
def client(url: str) -> Iterator["redis.Redis"]:
    connection = redis.Redis.from_url(url)
    try:
        yield connection
    finally:
        connection.close()


def test_a_second_start_finds_the_data_of_the_first(data_dir: Path) -> None:
    with running(data_dir) as first, client(first.url) as connection:
        connection.set("kept", "still here")

    with running(data_dir) as second, client(second.url) as connection:
        assert connection.get("kept") == b"still here"


def test_nobody_enters_without_the_password(data_dir: Path) -> None:
    with running(data_dir) as server:
        address = server.url.split("@")[1]
        with client(f"redis://{address}") as nameless, pytest.raises(redis.exceptions.AuthenticationError):
            nameless.ping()
        with (
            client(f"redis://:wrong@{address}") as wrong,
            pytest.raises(redis.exceptions.AuthenticationError),
        ):
            wrong.ping()


def test_only_the_owner_reads_its_files_and_no_password_is_on_the_command_line(data_dir: Path) -> None:
    with running(data_dir) as server:
        modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (data_dir / "redis").iterdir()}
        password = server.url.split(":")[2].split("@")[0]

        assert stat.S_IMODE((data_dir / "redis").stat().st_mode) == 0o700
        assert modes["redis.conf"] == modes["password"] == 0o600
        assert password not in " ".join(server.daemon.program.command)


def test_a_data_folder_with_a_space_and_a_quote_works(data_dir: Path) -> None:
    odd = data_dir / 'a "b" c'
    odd.mkdir()

    with running(odd) as server, client(server.url) as connection:
        assert connection.ping() is True


def test_without_one_on_the_path_the_wheel_brings_valkey_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    said = subprocess.check_output([embedded.find_server(), "--version"], text=True)

    assert said.startswith("Valkey server v=9.")


def kept_by_a_newer_redis(folder: Path) -> None:
    """Make the dump one of Redis 8, which Valkey refuses."""
    [base] = (folder / "appendonlydir").glob("*.base.rdb")
    base.write_bytes(b"REDIS0012" + base.read_bytes()[9:])


def kept_by_an_old_redis_and_damaged(folder: Path) -> None:
    shutil.rmtree(folder / "appendonlydir")
    (folder / "appendonly.aof").write_bytes(b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\nno protocol\r\n" * 3)


@pytest.mark.parametrize("spoil", [kept_by_a_newer_redis, kept_by_an_old_redis_and_damaged])
def test_data_that_it_cannot_read_are_moved_aside_and_it_starts_empty(
    data_dir: Path, spoil: Callable[[Path], None]
) -> None:
    with running(data_dir) as server, client(server.url) as connection:
        connection.set("kept", "gone")
        assert not server.notice
    spoil(data_dir / "redis")

    with running(data_dir) as server, client(server.url) as connection:
        assert connection.keys() == []
        [kept] = (data_dir / "redis").glob("unreadable-20*Z")
        assert "started empty" in server.notice
        assert str(kept) in server.notice
        assert any(kept.iterdir())
        connection.set("new", "here")

    with running(data_dir) as server, client(server.url) as connection:
        assert connection.get("new") == b"here"
        assert not server.notice


def test_data_stay_where_they_are_when_it_does_not_start_without_them_either(data_dir: Path) -> None:
    with running(data_dir) as server, client(server.url) as connection:
        connection.set("kept", "still here")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embedded, "CONFIG", f"{embedded.CONFIG}no-such-setting yes\n")
        with pytest.raises(StackError, match="no-such-setting"):
            embedded.Redis(data_dir, temporary=False)
    assert not list((data_dir / "redis").glob("unreadable-*"))

    with running(data_dir) as server, client(server.url) as connection:
        assert connection.get("kept") == b"still here"


def test_a_server_on_the_path_is_preferred_when_it_is_new_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\necho 'Valkey server v=8.1.0 sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    assert embedded.find_server() == program


def test_a_server_on_the_path_that_is_too_old_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "redis-server"
    program.write_text("#!/bin/sh\necho 'Redis server v=5.0.7 sha=0'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")

    assert embedded.find_server() != program


def test_without_any_redis_the_message_names_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(embedded, "WHEEL", "no_such_package")

    with pytest.raises(StackError, match=r"apt install redis-server, brew install redis.*REDIS_URL"):
        embedded.find_server()
