"""`manage.py check_credentials`, against the emulator of the API."""

import json
import time
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts.access.decision import AccessCredential
from accounts.credentials import check as credential_check
from accounts.credentials import dead_tokens
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import serve
from tests.accounts.credentials.test_files import API_KEY, written
from tests.accounts.people import make_api_key, make_oauth

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def api(settings: Settings, tmp_path: Path) -> Iterator[Emulator]:
    settings.CREDENTIALS_DIR, settings.CLAUDE_API_KEY = tmp_path, ""
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_API_BASE_URL = running.url
        yield running.app


def run(*words: str) -> tuple[str, str]:
    """What was printed, and the error if there was one."""
    out, error = StringIO(), ""
    try:
        call_command("check_credentials", *words, stdout=out)
    except CommandError as raised:
        error = str(raised)
    return out.getvalue(), error


def rows(said: str) -> list[dict[str, Any]]:
    return list(json.loads(said)["credentials"])


def test_rows_files_and_the_environment_are_asked(settings: Settings, tmp_path: Path) -> None:
    make_api_key()
    make_oauth("b.example", seconds_left=3600)
    written(tmp_path, API_KEY, "c.example.credentials.json")
    settings.CLAUDE_API_KEY = "sk-ant-api03-env"

    said, error = run("--json")

    assert error == ""
    assert [(row["domain"], row["kind"], row["status"]) for row in rows(said)] == [
        ("a.example", "api_key", 200),
        ("b.example", "oauth", 200),
        ("c.example", "api_key", 200),
        ("(any domain)", "api_key", 200),
    ]
    assert "sk-ant" not in said


def test_a_file_that_others_may_read_is_named_with_the_command_that_closes_it(tmp_path: Path) -> None:
    open_file, closed = (tmp_path / f"{name}.example.credentials.json" for name in ("open", "closed"))
    for path, mode in ((open_file, 0o644), (closed, 0o600)):
        path.write_text('{"type": "api_key", "api_key": "sk-ant-api03-file"}')
        path.chmod(mode)

    said, _ = run("--offline")
    found = {row["domain"]: row["exposed"] for row in rows(run("--offline", "--json")[0])}

    assert f"Others may read its file: chmod 600 {open_file}" in said
    assert found == {"open.example": f"chmod 600 {open_file}", "closed.example": ""}


def test_offline_nobody_is_asked(settings: Settings) -> None:
    settings.CLAUDE_API_BASE_URL = "http://127.0.0.1:1"
    make_api_key()
    make_oauth("ended.example", refresh_token="")
    make_oauth("renewed.example")
    make_api_key("broken.example", api_key="sk-ant\nbroken")

    said, error = run("--offline")

    assert error == "2 of 4 cannot pay or need a login."
    assert "ok   a.example" in said
    assert "BAD  ended.example" in said
    assert "ok   renewed.example" in said
    assert "BAD  broken.example" in said


def test_of_the_domains_that_are_named_only(settings: Settings) -> None:
    make_api_key()
    make_api_key("b.example")

    assert [row["domain"] for row in rows(run("b.example", "--json")[0])] == ["b.example"]
    assert "There is no such credential" in run("c.example")[1]


@pytest.mark.parametrize("seconds_left", [-60, 3600])
@pytest.mark.parametrize("words", [(), ("--offline",)])
def test_a_dead_refresh_token_needs_a_login_also_while_its_access_token_lasts(
    tmp_path: Path, words: tuple[str, ...], seconds_left: int
) -> None:
    make_oauth("row.example", name="our team", seconds_left=seconds_left, state="needs_login")
    oauth = {
        "accessToken": "sk-ant-oat01-old",
        "refreshToken": "sk-ant-ort01-dead",
        "expiresAt": 1000 * (time.time() + seconds_left),
    }
    path = written(tmp_path, {"type": "oauth", "oauth": oauth}, "file.example.credentials.json")
    dead_tokens.note(path, "sk-ant-ort01-dead", "invalid_grant")

    said, error = run(*words)

    assert error == "2 of 2 cannot pay or need a login."
    assert "oauth: needs login: run manage.py oauth_login --domain row.example --name 'our team'\n" in said
    assert f"oauth: needs login: run manage.py oauth_login --file {path}\n" in said
    assert "sk-ant" not in said


@pytest.mark.parametrize(
    ("status", "good", "why"),
    [
        (401, False, "replace the secret"),
        (403, False, "plan"),
        (429, True, "used up"),
        (500, False, "try again"),
    ],
)
def test_what_the_api_says_is_explained(
    monkeypatch: pytest.MonkeyPatch, api: Emulator, status: int, good: bool, why: str
) -> None:
    get = httpx.Client.get

    def scripted(self: httpx.Client, url: str, *, headers: dict[str, str]) -> httpx.Response:
        return get(self, url, headers={**headers, "x-emulate": f"status={status}"})

    monkeypatch.setattr(httpx.Client, "get", scripted)

    verdict = credential_check.ask(AccessCredential("database", "1", "api_key", "sk-ant-api03-x"))

    assert (verdict.good, verdict.status) == (good, status)
    assert why in verdict.why


def test_an_api_that_does_not_answer_is_told(settings: Settings) -> None:
    settings.CLAUDE_API_BASE_URL = "http://127.0.0.1:1"
    make_api_key()

    said, error = run()

    assert "did not answer (ConnectError): run manage.py check_upstream" in said
    assert error == "1 of 1 cannot pay or need a login."
