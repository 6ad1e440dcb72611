"""Starting, watching and stopping, with the real supervisor in a process of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

import psutil
import psycopg
import pytest
import redis

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import owned_folders, processes
from nexus_project.stack.servers import owner
from proxy import restarts
from tests.stack.conftest import NO_ADDRESSES, owner_of_servers, pid_of

SOON = 60  # a deadline, kept also where the machine has other things to do


@dataclass
class FakeStack:
    """A running tests.stack.fake_stack."""

    process: subprocess.Popen[str]
    data_dir: Path
    notes: Path
    lines: list[str]

    def read_until(self, text: str) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if text in line:
                return
        pytest.fail("\n".join(self.lines))

    def rest(self) -> str:
        assert self.process.stdout
        return "\n".join(self.lines) + self.process.stdout.read()

    def ended(self) -> list[str]:
        return self.notes.read_text().splitlines() if self.notes.exists() else []

    def urls(self) -> dict[str, str]:
        """The servers' addresses as the services got them."""
        [line] = [line for line in self.lines if "urls " in line]
        return dict(json.loads(line.partition("urls ")[2]))

    def left_over(self) -> list[int]:
        """Processes that mention the data folder, PostgreSQL's home or the notes on their command lines."""
        marks = (str(self.data_dir), str(owned_folders.home(self.data_dir)), str(self.notes))
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if any(mark in words for mark in marks) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.info["pid"])
        return found

    def nothing_left(self) -> bool:
        return not self.left_over() and not (self.data_dir / owner.RUN).is_symlink()


@contextmanager
def fake_stack(data_dir: Path, *options: str) -> Iterator[FakeStack]:
    notes = data_dir / "notes"
    given = {**NO_ADDRESSES, "NEXUS_ENV_FILE": os.devnull}
    with subprocess.Popen(
        [sys.executable, "-m", "tests.stack.fake_stack", str(data_dir), str(notes), *options],
        cwd=BASE_DIR,
        env=env.child_environment(given),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        stack = FakeStack(process, data_dir, notes, [])
        try:
            yield stack
        finally:
            process.kill()
            processes.wait_until(stack.nothing_left, SOON)


def test_ctrl_c_stops_everything_in_the_reverse_order_of_the_start(data_dir: Path) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        os.killpg(stack.process.pid, signal.SIGINT)

        said = stack.rest()

        assert stack.process.wait(SOON) == 0
        assert stack.ended() == ["proxy", "worker", "dashboard"]
        assert stack.nothing_left(), stack.left_over()
        assert said.endswith("nexus    │ stopped\n")


def test_sigterm_to_the_supervisor_alone_does_the_same(data_dir: Path) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        stack.process.terminate()

        stack.rest()

        assert stack.process.wait(SOON) == 0
        assert stack.ended() == ["proxy", "worker", "dashboard"]
        assert stack.nothing_left(), stack.left_over()


def test_every_service_leads_a_session_of_its_own(data_dir: Path) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")

        assert sum("session True" in line for line in stack.lines) == 3


def test_a_second_ctrl_c_does_not_wait_for_the_draining(data_dir: Path) -> None:
    with fake_stack(data_dir, "--stubborn") as stack:
        stack.read_until("all up")
        stack.process.send_signal(signal.SIGINT)
        stack.read_until("stopping proxy")
        stack.process.send_signal(signal.SIGINT)

        stack.rest()

        assert stack.process.wait(SOON) == 0
        assert "proxy" not in stack.ended()
        assert stack.nothing_left(), stack.left_over()


def test_a_killed_supervisor_leaves_nothing_behind(data_dir: Path) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        assert len(stack.left_over()) >= 6
        stack.process.kill()

        assert processes.wait_until(stack.nothing_left, SOON), stack.left_over()
        assert stack.ended() == ["proxy", "worker", "dashboard"]


def test_a_service_that_ends_again_and_again_is_quoted_and_started_with_growing_pauses(
    data_dir: Path,
) -> None:
    with fake_stack(data_dir, "--dying") as stack:
        for when in ("now", "in 1 s", "in 2 s", "in 4 s"):
            stack.read_until(f"starting dying again {when}")
        (noted,) = restarts.read(data_dir)
        stack.process.terminate()

        said = stack.rest()

        assert stack.process.wait(SOON) == 0
        assert "dying ended by itself (status 7); its last lines:\n    out of luck" in said
        assert "ended by itself" not in said.replace("dying ended", "")
        assert (noted.service, noted.ends, noted.pause_seconds) == ("dying", 4, 4)
        assert not restarts.read(data_dir)
        assert stack.ended() == ["proxy", "worker", "dashboard"]
        assert stack.nothing_left(), stack.left_over()


def test_a_required_service_that_cannot_start_ends_the_stack_and_is_quoted(data_dir: Path) -> None:
    with fake_stack(data_dir, "--required") as stack:
        said = stack.rest()

        assert stack.process.wait(SOON) == 1
        assert "error: required ended by itself (status 7); its last lines:\n    out of luck" in said
        assert stack.ended() == ["proxy", "worker", "dashboard"]
        assert stack.nothing_left(), stack.left_over()


def test_a_service_whose_parent_alone_was_killed_starts_again_on_its_port(data_dir: Path) -> None:
    with fake_stack(data_dir, "--family") as stack:
        stack.read_until("all up")
        [pid] = [line.split()[-1] for line in stack.lines if "pid family" in line]
        os.kill(int(pid), signal.SIGKILL)

        stack.read_until("starting family again")
        stack.read_until("session True")

        stack.process.terminate()
        stack.rest()
        assert stack.process.wait(SOON) == 0
        assert "family" in stack.ended()
        assert stack.nothing_left(), stack.left_over()


def ping(url: str) -> None:
    client = redis.Redis.from_url(url)
    client.ping()
    client.close()


@pytest.mark.parametrize(
    ("server", "name", "use"),
    [("redis", "Redis", ping), ("postgres", "PostgreSQL", lambda url: psycopg.connect(url).close())],
)
def test_a_server_that_dies_is_started_again_at_its_address_and_the_services_go_on(
    data_dir: Path, server: str, name: str, use: Callable[[str], object]
) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        url = stack.urls()[server]
        os.kill(pid_of(data_dir, server), signal.SIGKILL)

        stack.read_until(f"{name} ended by itself")
        stack.read_until(f"{name} is up again")

        use(url)
        assert not stack.ended()
        stack.process.terminate()
        stack.rest()
        assert stack.process.wait(SOON) == 0
        assert stack.ended() == ["proxy", "worker", "dashboard"]
        assert stack.nothing_left(), stack.left_over()


def test_a_killed_keeper_is_replaced_and_its_servers_keep_their_addresses(data_dir: Path) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        owner_of_servers(data_dir).kill()

        stack.read_until("The keeper of the embedded servers has ended")
        stack.read_until("The embedded servers are up again")

        psycopg.connect(stack.urls()["postgres"]).close()
        # The guardian holds the new lease: were the supervisor killed, the servers would outlive the services.
        stack.process.kill()
        assert processes.wait_until(stack.nothing_left, SOON), stack.left_over()
        assert stack.ended() == ["proxy", "worker", "dashboard"]


def ask(stack: FakeStack) -> int:
    """The pid of the process that answers at the shared socket."""
    [url] = [line.split()[-1] for line in stack.lines if "url shared" in line]
    with build_opener(ProxyHandler({})).open(url, timeout=SOON) as response:
        return int(response.read())


def test_sighup_puts_a_new_process_behind_a_shared_socket(data_dir: Path) -> None:
    with fake_stack(data_dir, "--shared") as stack:
        stack.read_until("all up")
        before = ask(stack)
        stack.process.send_signal(signal.SIGHUP)
        stack.read_until("shared replaced")

        assert processes.wait_until(lambda: not processes.running(before), SOON)
        assert ask(stack) != before
        assert not stack.ended()
        stack.process.terminate()
        stack.rest()
        assert stack.process.wait(SOON) == 0
        assert stack.nothing_left(), stack.left_over()


def test_a_successor_that_does_not_start_is_quoted_and_the_one_that_runs_goes_on(data_dir: Path) -> None:
    with fake_stack(data_dir, "--shared") as stack:
        stack.read_until("all up")
        before = ask(stack)
        Path(f"{stack.notes}.bad").touch()
        stack.process.send_signal(signal.SIGHUP)
        stack.read_until("out of luck")
        stack.read_until("the shared that runs goes on")

        assert ask(stack) == before


def test_who_connects_while_nobody_runs_behind_a_shared_socket_waits(data_dir: Path) -> None:
    with fake_stack(data_dir, "--shared") as stack:
        stack.read_until("all up")
        before = ask(stack)
        Path(f"{stack.notes}.bad").touch()
        os.kill(before, signal.SIGKILL)
        stack.read_until("starting shared again in 1 s")
        Path(f"{stack.notes}.bad").unlink()

        assert ask(stack) != before


def test_sighup_of_a_terminal_that_was_closed_stops_everything(data_dir: Path) -> None:
    pid, terminal = pty.fork()
    if not pid:
        given = {**NO_ADDRESSES, "NEXUS_ENV_FILE": os.devnull}
        arguments = ["-m", "tests.stack.fake_stack", str(data_dir), str(data_dir / "notes")]
        os.chdir(BASE_DIR)
        os.execve(sys.executable, [sys.executable, *arguments], env.child_environment(given))  # noqa: S606
    said = b""
    while b"all up" not in said:
        said += os.read(terminal, 4096)

    os.close(terminal)

    assert processes.wait_until(lambda: not processes.running(pid), SOON)
    os.waitpid(pid, 0)
    assert (data_dir / "notes").read_text().split() == ["proxy", "worker", "dashboard"]
    assert processes.wait_until(lambda: not (data_dir / owner.RUN).is_symlink(), SOON)
