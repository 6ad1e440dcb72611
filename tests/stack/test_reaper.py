"""A run of the suite that is interrupted or killed leaves no process and no folder behind."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import owned_folders, processes
from tests.stack.conftest import NO_ADDRESSES

GONE_SECONDS = 100
# What a test of the suite has running and lying about: a stack with all that belongs to it, a closed folder, a home, a process
# that ignores SIGTERM. A suite that a script runs in its background has SIGINT ignored, and so have its children.
TEST = """
import signal, subprocess, sys, time
from pathlib import Path
from tests.stack.conftest import *
from tests.stack.test_supervisor import fake_stack

signal.signal(signal.SIGINT, signal.default_int_handler)

def test_that_waits(data_dir: Path, closed_dir: Path) -> None:
    from nexus_project.stack.servers import postgres_home
    home = postgres_home.find(closed_dir).folder
    (closed_dir / "closed").mkdir(mode=0o000)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('on', flush=True); time.sleep(600)"
    child = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE, start_new_session=True)
    child.stdout.readline()
    with fake_stack(data_dir) as stack:
        stack.read_until("all up")
        print("home", home, flush=True)
        print("up", flush=True)
        time.sleep(600)
"""


@contextmanager
def run_of_the_suite(tmp_path: Path) -> Iterator[tuple["subprocess.Popen[str]", Path, list[Path]]]:
    """A pytest in the midst of a test, the folder of its run, and PostgreSQL's homes."""
    file = tmp_path / "test_waits.py"
    nothing = dict.fromkeys(("PYTEST_XDIST_WORKER", "PYTEST_XDIST_TESTRUNUID", "PYTEST_ADDOPTS"), "")
    file.write_text(TEST)
    # The file lies outside of the folder that conftest.py is for.
    options = ("-p", "no:cacheprovider", "-p", "tests.conftest", "-c", str(BASE_DIR / "pyproject.toml"))
    command = [sys.executable, "-m", "pytest", "-s", "-q", *options, str(file)]
    with subprocess.Popen(
        command,
        cwd=BASE_DIR,
        env=env.child_environment({**NO_ADDRESSES, **nothing, "DJANGO_SETTINGS_MODULE": ""}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            assert process.stdout
            said = ""
            while "\nup\n" not in said:
                line = process.stdout.readline()
                assert line, said
                said += line
            [home] = re.findall(r"^\.?home (.*)$", said, re.MULTILINE)
            yield process, folder_of(process.pid), [Path(home)]
        finally:
            process.kill()


def folder_of(pid: int) -> Path:
    """Where the temporary files of the run that a process leads are: what its children have for TMPDIR."""
    found = {
        child.environ()["TMPDIR"]
        for child in psutil.Process(pid).children()
        if "tests.reaper" not in child.cmdline()
    }
    [folder] = found
    return Path(folder)


def family(pid: int, folder: Path) -> list[psutil.Process]:
    """All that a run has started, also what is no longer below it: each knows its folder or works there."""
    mine = psutil.Process(pid)
    found = [mine, *mine.children(recursive=True)]
    for process in psutil.process_iter():
        try:
            where = (process.cwd(), process.environ().get("TMPDIR", ""), *process.cmdline())
        except psutil.Error:
            continue
        if (
            process not in found
            and process.pid != os.getpid()
            and any(str(folder) in place_name for place_name in where)
        ):
            found.append(process)
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_ended_in_the_midst_of_a_test_leaves_nothing(
    number: signal.Signals, tmp_path: Path
) -> None:
    with run_of_the_suite(tmp_path) as (process, folder, homes):
        started = family(process.pid, folder)
        assert len(started) >= 10, [item.cmdline() for item in started]
        assert owned_folders.is_held(folder)
        process.send_signal(number)

        _, alive = psutil.wait_procs(started, GONE_SECONDS)

        assert not alive
        assert processes.wait_until(lambda: not folder.exists(), GONE_SECONDS)
    assert not [home for home in homes if home.exists()]
    assert not [home for home in owned_folders.homes() if str(folder) in str(owned_folders.owner_of(home))]
