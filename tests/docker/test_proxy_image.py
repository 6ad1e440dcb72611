"""The proxy's image, its very lines: built, started as its user, asked."""

import json
import os
from collections.abc import Callable, Iterator

import httpx
import pytest

from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests.docker.conftest import Container
from tests.docker.image import Image

pytestmark = pytest.mark.timeout(300)  # the first test builds the image
QUESTION = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}

TEAM = {"host": "team.example", "anthropic-version": "2023-06-01"}


@pytest.fixture
def bare(
    proxy_image: Image, run: Callable[..., Container], emulator: Running[Emulator]
) -> Iterator[Container]:
    """`docker run -e ENABLE_CLIENT_AUTH=true`: neither DATABASE_URL nor REDIS_URL, one credential file."""
    path = proxy_image.data_dir / "credentials" / "team.example.credentials.json"
    path.write_text(
        json.dumps(
            {"type": "api_key", "api_key": "sk-ant-api03-of-the-file", "client_api_key": "cnp_live_team"}
        )
    )
    if proxy_image.runs_as.account:
        proxy_image.runs_as.account.owns(path)
    container = run(proxy_image, {"ENABLE_CLIENT_AUTH": "true", "CLAUDE_API_BASE_URL": emulator.url})
    container.wait_alive()
    yield container
    path.unlink()


def test_it_starts_with_files_and_environment_alone_and_a_file_pays(
    bare: Container, emulator: Running[Emulator]
) -> None:
    headers = {**TEAM, "x-api-key": "cnp_live_team", "x-test-id": "from-the-image"}

    response = httpx.post(f"{bare.url}/v1/messages", json=QUESTION, headers=headers, timeout=20)

    assert (response.status_code, response.json()["type"]) == (200, "message")
    (received,) = [each for each in emulator.app.log if each.value("x-test-id") == "from-the-image"]
    assert received.values("x-api-key") == ["sk-ant-api03-of-the-file"]


def test_without_a_client_key_nothing_is_paid_for(bare: Container) -> None:
    response = httpx.post(f"{bare.url}/v1/messages", json=QUESTION, headers=TEAM, timeout=20)

    assert (response.status_code, response.json()["error"]["type"]) == (401, "authentication_error")


def test_credential_files_are_tended_where_they_are_written(bare: Container) -> None:
    dead = bare.image.data_dir / "credentials" / "dead.example.credentials.json"
    dead.write_text(json.dumps({"type": "oauth", "oauth": {"accessToken": "sk-ant-oat01-x", "expiresAt": 1}}))
    dead.chmod(0o644)
    log = bare.log.with_name("status.log")

    status = bare.image.start(["python", "-m", "django", "oauth_status"], {"ENABLE_CLIENT_AUTH": "true"}, log)

    assert status.wait(30) == 1
    assert "dead.example  file:dead.example.credentials.json  needs_login" in log.read_text()
    dead.unlink()


def test_without_a_database_token_stats_say_what_to_set(bare: Container) -> None:
    response = httpx.get(f"{bare.url}/token-stats", timeout=5)

    assert response.status_code == 503
    assert "set DATABASE_URL" in response.json()["error"]["message"]


@pytest.mark.parametrize("name", ["claude-code-settings.json", "setup.sh"])
def test_the_client_setup_files_are_in_it(bare: Container, name: str) -> None:
    assert httpx.get(f"{bare.url}/client-setup/{name}", timeout=5).status_code == 200


def test_its_healthcheck_follows_the_process_and_it_stops_cleanly(bare: Container) -> None:
    while_running = bare.healthy()
    status = bare.stop()

    assert (while_running, bare.healthy()) == (True, False)
    assert status in {0, -15}


def test_its_folder_is_its_users_alone(bare: Container) -> None:
    found = bare.image.data_dir.stat()

    # Only root can give the folder to the image's user.
    assert found.st_uid == (os.geteuid() or bare.image.user)
    assert found.st_mode & 0o777 == 0o700


def test_it_must_be_told_whether_clients_show_keys(proxy_image: Image, run: Callable[..., Container]) -> None:
    container = run(proxy_image, {})

    assert container.popen.wait(20) != 0
    assert "ENABLE_CLIENT_AUTH must be set" in container.words()
    assert "Traceback" not in container.words()


def test_with_redis_and_a_database_away_it_still_starts(
    proxy_image: Image, run: Callable[..., Container]
) -> None:
    settings = {
        "ENABLE_CLIENT_AUTH": "true",
        "DATABASE_URL": "postgresql://nexus@127.0.0.1:1/nexus",
        "REDIS_URL": "redis://127.0.0.1:1/0",
        "FIELD_ENCRYPTION_KEYS": "dGVzdHRlc3R0ZXN0dGVzdHRlc3R0ZXN0dGVzdHRlc3Q=",
    }

    run(proxy_image, settings).wait_alive()

    assert (proxy_image.data_dir / "spool").is_dir()


def test_only_what_it_needs_is_in_it(proxy_image: Image) -> None:
    there = {path.name for path in (proxy_image.root / "app").iterdir()}

    assert there == {"accounts", "client-setup", "nexus_project", "proxy", "requirements"}
    assert not (proxy_image.root / "opt/venv/bin/pip").exists()
