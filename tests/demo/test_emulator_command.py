import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from nexus_project.demo.emulator.__main__ import main

COMMAND = (sys.executable, "-m", "nexus_project.demo.emulator")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_command_says_when_it_listens_and_ends_on_a_signal(
    tmp_path: Path, ending: signal.Signals
) -> None:
    log = tmp_path / "log.jsonl"
    with subprocess.Popen(
        [*COMMAND, "--port", "0", "--log", log], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        health = httpx.get(f"{line.split()[-1]}/_emulator/health", trust_env=False)
        httpx.get(f"{line.split()[-1]}/v1/models", trust_env=False)
        process.send_signal(ending)
        rest, _ = process.communicate(timeout=10)

    assert line.startswith("emulator ready on http://127.0.0.1:")
    assert health.json()["status"] == "healthy"
    assert rest == ""
    assert log.read_text().count("\n") == 2
    assert process.returncode in (0, -ending)


def test_a_port_in_use_is_one_clear_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        assert main(["--port", str(port)]) == 1

    assert capsys.readouterr().err.startswith(f"The emulator cannot start on 127.0.0.1:{port}: ")
