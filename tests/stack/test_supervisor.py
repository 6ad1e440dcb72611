"""Starting, watching and stopping, with the real supervisor in a process of its own."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack import keeper, processes
from tests.stack.conftest import NO_ADDRESSES

SOON = 15


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

    def left_over(self) -> list[int]:
        """Processes that mention the data folder or the notes on their command lines."""
        marks = (str(self.data_dir), str(self.notes))
        found = []
        for process in psutil.process_iter(["pid", "cmdline", "status"]):
            words = " ".join(process.info["cmdline"] or [])
            if any(mark in words for mark in marks) and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.info["pid"])
        return found

    def nothing_left(self) -> bool:
        return not self.left_over() and not (self.data_dir / keeper.RUN).is_symlink()


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


def test_a_service_that_ends_by_itself_stops_the_stack_and_is_quoted(data_dir: Path) -> None:
    with fake_stack(data_dir, "--dying") as stack:
        said = stack.rest()

        assert stack.process.wait(SOON) == 1
        assert "error: dying ended by itself (status 7); its last lines:\n    out of luck" in said
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


@pytest.mark.parametrize("server", ["redis", "postgres"])
def test_a_server_that_dies_stops_the_stack_and_is_named(data_dir: Path, server: str) -> None:
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        os.kill(int((data_dir / f"{server}.pid").read_text().split()[0]), signal.SIGKILL)

        said = stack.rest()

        assert stack.process.wait(SOON) == 1
        assert "ended by itself" in said
        assert stack.ended() == ["proxy", "worker", "dashboard"]
        assert stack.nothing_left(), stack.left_over()
