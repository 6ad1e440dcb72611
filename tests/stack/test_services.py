"""The real services under the real supervisor."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import ProxyHandler, build_opener

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.servers import owner
from tests.stack.conftest import Commands

opener = build_opener(ProxyHandler({}))


@contextmanager
def started(commands: Commands, name: str, ready: str) -> Iterator["subprocess.Popen[str]"]:
    """A command that has said `ready`; what it said so far is its `said`."""
    with subprocess.Popen(
        [sys.executable, "-m", "nexus_project.stack", name],
        cwd=BASE_DIR,
        env=env.child_environment(commands.environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        said = ""
        while ready not in said:
            line = process.stdout.readline()
            assert line, said
            said += line
        process.said = said  # type: ignore[attr-defined]
        yield process
        process.terminate()
        process.stdout.read()


def test_make_proxy_serves_until_ctrl_c_and_leaves_nothing(commands: Commands, data_dir: Path) -> None:
    url = f"http://127.0.0.1:{commands.environment['PROXY_PORT']}"

    with started(commands, "proxy", f"proxy ready at {url}") as process:
        with opener.open(f"{url}/health/ready", timeout=60) as response:
            assert response.status == 200
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(60) == 0

    assert not (data_dir / owner.RUN).is_symlink()


def test_make_worker_beside_make_beat_shares_the_servers(commands: Commands, data_dir: Path) -> None:
    with started(commands, "worker", "worker started"):
        before = (data_dir / "postgres.pid").read_text()
        with started(commands, "beat", "beat started"):
            assert (data_dir / "postgres.pid").read_text() == before
        assert (data_dir / "postgres.pid").read_text() == before

    assert not (data_dir / "postgres.pid").exists()
