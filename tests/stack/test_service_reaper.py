"""What the guardian does with the supervisor's notes."""

import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from nexus_project.stack.supervision import reaper

PLAIN = "import time; print('on', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {PLAIN}"


def child(script: str) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout
    assert process.stdout.readline() == "on\n"
    return process


@pytest.fixture
def plain() -> Iterator["subprocess.Popen[str]"]:
    with child(PLAIN) as process:
        yield process
        process.kill()


@pytest.fixture
def stubborn() -> Iterator["subprocess.Popen[str]"]:
    with child(STUBBORN) as process:
        yield process
        process.kill()


def test_after_a_goodbye_nothing_is_touched(plain: "subprocess.Popen[str]") -> None:
    reaper.watch([f"start {plain.pid} 60", "bye"])

    assert plain.poll() is None


def test_a_child_that_was_reported_as_ended_is_not_touched(plain: "subprocess.Popen[str]") -> None:
    reaper.watch([f"start {plain.pid} 60", f"end {plain.pid}"])

    assert plain.poll() is None


def test_what_was_left_running_is_asked_to_end(plain: "subprocess.Popen[str]") -> None:
    reaper.watch([f"start {plain.pid} 60"])

    assert plain.wait(60) == -signal.SIGTERM


def test_what_does_not_end_within_its_grace_is_killed(stubborn: "subprocess.Popen[str]") -> None:
    reaper.watch([f"start {stubborn.pid} 0.2"])

    assert stubborn.wait(60) == -signal.SIGKILL


def test_a_child_that_has_gone_meanwhile_does_not_hold_up_the_others(plain: "subprocess.Popen[str]") -> None:
    with child("print('on', flush=True)") as gone:
        gone.wait()

    reaper.watch([f"start {plain.pid} 60", f"start {gone.pid} 60"])

    assert plain.wait(60) == -signal.SIGTERM
