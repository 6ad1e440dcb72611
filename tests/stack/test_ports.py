"""A port that one process has chosen is not chosen by another one before its server listens."""

import subprocess
import sys

import pytest

from nexus_project.env import BASE_DIR
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import ports

CHOOSE = """
from nexus_project.stack.machine import ports
ports.CHOICE = [{port}]
print(ports.free(), flush=True)
input()
"""


def test_what_another_process_has_chosen_is_passed_over() -> None:
    port = ports.free()
    command = [sys.executable, "-c", CHOOSE.format(port=port)]

    def choose() -> str:
        with subprocess.Popen(
            command, cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout
            return process.stdout.readline().strip()

    assert (choose() != str(port)) == (sys.platform == "linux")

    while ports._claims:
        ports._claims.popleft().close()
    assert choose() == str(port)


def test_a_process_keeps_only_its_latest_choices() -> None:
    for _ in range(ports.CLAIMS + 5):
        ports.free()

    assert len(ports._claims) <= ports.CLAIMS


def test_where_nothing_is_free_it_says_so() -> None:
    with pytest.raises(StackError, match="No port is free"):
        ports.free("192.0.2.1")
