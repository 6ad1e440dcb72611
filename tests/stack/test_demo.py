"""What `demo` changes in the environment, and how it decides that nothing was lost."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack import demo
from nexus_project.stack.errors import StackError
from nexus_project.stack.supervision import addresses
from nexus_project.stack.supervision.commands import Deployment

PREPARE = """
import json, os
from nexus_project import env
from nexus_project.stack import demo
from nexus_project.stack.console import Console
port = demo.prepare(Console())
print(json.dumps(dict(env.child_environment({"PORT": str(port)}))))
"""


def prepared(env_file: Path, **given: str) -> dict[str, str]:
    """The environment of the demo's services, `given` being that of the command."""
    environment = env.child_environment({"NEXUS_ENV_FILE": str(env_file), **given})
    for name in {"DATABASE_URL", "REDIS_URL", "NEXUS_DATA_DIR", "DASHBOARD_API_KEY", *addresses.NAMES} - set(
        given
    ):
        environment.pop(name, None)
    said = subprocess.check_output([sys.executable, "-c", PREPARE], cwd=BASE_DIR, env=environment, text=True)
    return dict(json.loads(said.splitlines()[-1]))


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    path.write_text(
        "DATABASE_URL=postgresql://real@192.0.2.1/real\n"
        "SLACK_WEBHOOK_URL=https://hooks.slack.com/real\n"
        "CLAUDE_API_KEY=sk-ant-real\n"
        "DASHBOARD_API_KEY=mine\n"
    )
    path.chmod(0o600)
    return path


def test_the_demo_talks_to_the_emulator_and_to_nothing_real(env_file: Path) -> None:
    seen = prepared(env_file)

    assert seen["CLAUDE_API_BASE_URL"] == f"http://127.0.0.1:{seen['PORT']}"
    assert seen["CLAUDE_API_KEY"] != "sk-ant-real"
    assert seen["SLACK_WEBHOOK_URL"] == seen["DATABASE_URL"] == ""
    assert seen["DASHBOARD_API_KEY"] == "mine"


def test_the_demo_keeps_its_data_apart_unless_told_otherwise(env_file: Path, tmp_path: Path) -> None:
    assert prepared(env_file)["NEXUS_DATA_DIR"] == "var/demo"
    assert prepared(env_file, NEXUS_DATA_DIR=str(tmp_path))["NEXUS_DATA_DIR"] == str(tmp_path)


def test_a_database_given_for_the_very_command_is_used(env_file: Path) -> None:
    given = "postgresql://demo@192.0.2.2/demo"

    assert prepared(env_file, DATABASE_URL=given)["DATABASE_URL"] == given


@contextmanager
def dashboard(status: int, counts: dict[str, int]) -> Iterator[Deployment]:
    """A server that gives the same counts to whoever shows the key."""

    class Pipeline(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            known = self.path == "/api/pipeline" and "X-API-Key" in self.headers
            self.send_response(status if known else 404)
            self.end_headers()
            self.wfile.write(json.dumps(counts).encode())

        def log_message(self, format: str, *words: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Pipeline) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield Deployment("127.0.0.1", 1, server.server_port, Path(os.devnull))
        server.shutdown()
        thread.join()


def test_the_demo_is_content_when_all_that_was_accepted_is_stored() -> None:
    with dashboard(200, {"accepted": 7, "stored": 7, "waiting": 0, "dropped": 0}) as deployment:
        assert demo.require_stored(deployment) == "7 sample requests accepted and stored, none lost"


@pytest.mark.parametrize("counts", [{"accepted": 7, "stored": 6}, {"accepted": 0, "stored": 0}])
def test_the_demo_fails_when_something_is_missing(
    counts: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "STORED_SECONDS", 0.1)

    with dashboard(200, counts) as deployment, pytest.raises(StackError, match="not all stored"):
        demo.require_stored(deployment)


def test_the_demo_says_that_the_dashboard_refuses() -> None:
    with dashboard(500, {}) as deployment, pytest.raises(StackError, match="answered 500"):
        demo.require_stored(deployment)
