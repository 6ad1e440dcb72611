"""What `make run` says once everything is up: the addresses, and where the key stands."""

from pathlib import Path

import pytest

from nexus_project.stack.invitation import place_of_key
from tests.stack.conftest import Commands
from tests.stack.test_services import started


@pytest.fixture
def env_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / ".env"
    monkeypatch.setenv("NEXUS_ENV_FILE", str(path))
    monkeypatch.delenv("DASHBOARD_API_KEY", raising=False)
    return path


def test_run_prints_the_addresses_and_where_the_key_stands(commands: Commands) -> None:
    commands.environment["DASHBOARD_API_KEY"] = "a-key-of-the-operator"

    with started(commands, "run", "Ctrl-C stops everything") as process:
        said = process.said  # type: ignore[attr-defined]

    assert f"Dashboard  http://127.0.0.1:{commands.environment['DASHBOARD_PORT']}/" in said
    assert "Key        DASHBOARD_API_KEY of the environment" in said
    assert f"Proxy      http://127.0.0.1:{commands.environment['PROXY_PORT']}   (ANTHROPIC_BASE_URL)" in said
    assert "manage.py set_operator NAME" in said
    assert "a-key-of-the-operator" not in said


def test_a_key_of_the_file_is_in_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("OTHER=1\nexport DASHBOARD_API_KEY='mine'\n")
    monkeypatch.setenv("DASHBOARD_API_KEY", "mine")  # as reading the file leaves it

    assert place_of_key() == f"DASHBOARD_API_KEY in {env_file}"


def test_a_key_of_the_environment_overrides_the_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    env_file.write_text("DASHBOARD_API_KEY=mine\n")
    monkeypatch.setenv("DASHBOARD_API_KEY", "theirs")

    assert place_of_key() == "DASHBOARD_API_KEY of the environment"


def test_a_mounted_key_is_in_its_file(env_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DASHBOARD_API_KEY_FILE", "/run/secrets/dashboard_api_key")

    assert place_of_key() == "in /run/secrets/dashboard_api_key"


def test_without_a_key_it_says_what_to_set(env_file: Path) -> None:
    assert place_of_key() == f"none, so the dashboard is closed: set DASHBOARD_API_KEY in {env_file}"
