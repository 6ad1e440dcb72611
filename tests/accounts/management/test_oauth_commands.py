"""`manage.py oauth_login`, `oauth_refresh` and `oauth_status`."""

import base64
import builtins
import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone
from pytest_django import Settings

from accounts.credentials import dead_tokens
from accounts.credentials.files import read
from accounts.models import Credential
from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.emulator.endpoints.oauth import refusal
from nexus_project.demo.serving import serve
from tests.accounts.people import make_api_key, make_oauth
from tests.roles import OWNER

# Who runs `manage.py` is the owner.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.database_role(OWNER)]


@pytest.fixture(autouse=True)
def endpoint(settings: Settings, tmp_path: Path) -> Iterator[Emulator]:
    settings.CREDENTIALS_DIR = tmp_path
    with serve(create_app(), http=ConnectionProtocol) as running:
        settings.CLAUDE_OAUTH_TOKEN_URL = f"{running.url}/v1/oauth/token"
        yield running.app


def run(*words: str) -> tuple[str, str]:
    """What was printed, and the error if there was one."""
    out, error = StringIO(), ""
    try:
        call_command(*words, stdout=out)
    except CommandError as raised:
        error = str(raised)
    return out.getvalue(), error


class Person:
    """Opens the address and pastes what the page shows."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, pasted: str = "the-code#{state}") -> None:
        self.out = StringIO()
        self._pasted = pasted
        monkeypatch.setattr(builtins, "input", self._paste)

    def _paste(self, prompt: str) -> str:
        if not self._pasted:
            raise EOFError
        return self._pasted.format(state=self.asked["state"][0]) + "\n"

    @property
    def asked(self) -> dict[str, list[str]]:
        address = next(line for line in self.out.getvalue().splitlines() if line.startswith("https://"))
        assert address.startswith("https://claude.ai/oauth/authorize?")
        return parse_qs(urlsplit(address).query)

    def login(self, *words: str) -> None:
        call_command("oauth_login", *words, stdout=self.out)


def test_a_login_into_a_domain(endpoint: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(monkeypatch)

    person.login("--domain", "new.example", "--name", "team")

    row = Credential.objects.get()
    assert (str(row), row.kind, row.access_token) == (
        "team (new.example)",
        "oauth",
        endpoint.oauth.grants[0]["access_token"],
    )
    sent = json.loads(endpoint.log.entries()[-1].body)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=")
    assert person.asked["code_challenge"] == [challenge.decode()]
    assert person.asked["code_challenge_method"] == ["S256"]
    assert (sent["grant_type"], sent["code"]) == ("authorization_code", "the-code")
    assert "sk-ant" not in person.out.getvalue()
    assert "Signed in: team (new.example)" in person.out.getvalue()


def test_a_login_brings_a_dead_credential_back(monkeypatch: pytest.MonkeyPatch) -> None:
    row = make_oauth(login_told_at=timezone.now())
    row.save_failure("invalid_grant", permanent=True)

    Person(monkeypatch).login("--domain", "a.example", "--name", "main")

    row.refresh_from_db()
    assert (row.state, row.last_error, row.login_told_at) == ("valid", "", None)


def test_a_login_into_files_keeps_the_rest(
    endpoint: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    old, new = (tmp_path / f"{name}.example.credentials.json" for name in ("old", "new"))
    old.write_text(
        json.dumps({"type": "oauth", "oauth": {"refreshToken": "x"}, "accountId": "acc", "more": 1})
    )

    for path in (old, new):
        Person(monkeypatch).login("--file", str(path))
        endpoint.oauth._used.clear()

    assert read(old).account_id == "acc"
    assert json.loads(old.read_text())["more"] == 1
    assert read(new).access_token == endpoint.oauth.grants[1]["access_token"]
    assert new.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    ("pasted", "reported"),
    [
        ("the-code#of-somebody-else", "state is not that of this address"),
        ("the-code", "no code#state"),
        ("", "Nothing was pasted"),
    ],
)
def test_a_wrong_paste_stores_nothing(
    endpoint: Emulator, monkeypatch: pytest.MonkeyPatch, pasted: str, reported: str
) -> None:
    with pytest.raises(CommandError, match=reported):
        Person(monkeypatch, pasted=pasted).login("--domain", "a.example")

    assert endpoint.oauth.calls == 0
    assert not Credential.objects.exists()


def test_a_login_that_cannot_be_kept_says_why(
    endpoint: Emulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_api_key("a.example", name="oauth")
    broken = tmp_path / "b.example.credentials.json"
    broken.write_text("{")
    locked = tmp_path / "c.example.credentials.json"
    locked.with_name(f".{locked.name}.lock").mkdir()
    cases = [
        (("--domain", "a.example"), "is an API key"),
        (("--domain", "no host"), "host name"),
        (("--file", str(broken)), "not JSON"),
        (("--file", str(locked)), "cannot be written"),
        (("--file", "x.json"), "is no credential file"),
    ]
    for words, reported in cases:
        with pytest.raises(CommandError, match=reported):
            Person(monkeypatch).login(*words)
        endpoint.oauth._used.clear()
    asked = endpoint.oauth.calls
    with pytest.raises(
        CommandError, match="/nowhere is not there or cannot be written here: make it, or run"
    ):
        Person(monkeypatch).login("--file", "/nowhere/a.example.credentials.json")
    assert endpoint.oauth.calls == asked  # no code is spent on tokens that could not be kept
    endpoint.oauth.responses.append(refusal("invalid_grant", "The code has expired"))
    with pytest.raises(CommandError, match="run this again"):
        Person(monkeypatch).login("--domain", "a.example", "--name", "new")


def test_what_is_due_is_renewed_and_everything_when_forced(endpoint: Emulator) -> None:
    make_oauth("due.example")
    make_oauth("good.example", seconds_left=3600)
    make_oauth("dead.example", state="needs_login", last_error="invalid_grant")

    dry = run("oauth_refresh", "--all", "--dry-run")
    assert endpoint.oauth.calls == 0
    said, error = run("oauth_refresh", "--all", "--json")
    forced = run("oauth_refresh", "good.example", "--force")

    assert "due.example  database:main: would be renewed" in dry[0]
    assert {row["domain"]: row["outcome"] for row in json.loads(said)["credentials"]} == {
        "dead.example": "failed: invalid_grant",
        "due.example": "renewed",
        "good.example": "not due",
    }
    assert error == dry[1] == "1 of 3 could not be renewed."
    assert forced == ("good.example  database:main: renewed\n", "")
    assert endpoint.oauth.calls == 2


def test_a_renewal_that_fails_is_told_and_does_not_wait_for_its_pause(endpoint: Emulator) -> None:
    make_oauth()
    endpoint.oauth.responses.append(refusal("server_error", "later", status=500))

    failed = run("oauth_refresh", "a.example")
    again = run("oauth_refresh", "a.example")

    assert "failed: the token endpoint answered 500" in failed[0]
    assert "renewed" in again[0]


def test_rows_and_files_are_shown_with_their_state(tmp_path: Path, settings: Settings) -> None:
    make_oauth("a.example", seconds_left=3600, last_refresh_at=timezone.now() - timedelta(hours=1))
    make_oauth("b.example")
    make_oauth("c.example", state="needs_login", last_error="invalid_grant")
    make_oauth("d.example", refresh_token="")
    oauth = {"type": "oauth", "oauth": {"accessToken": "sk-ant-oat01-file"}}
    (tmp_path / "e.example.credentials.json").write_text(json.dumps(oauth))
    (tmp_path / "f.example.credentials.json").write_text("{")

    said, error = run("oauth_status", "--json")
    rows: list[dict[str, Any]] = json.loads(said)["credentials"]

    assert {row["domain"]: row["state"] for row in rows} == {
        "a.example": "valid",
        "b.example": "ended",
        "c.example": "needs_login",
        "d.example": "needs_login",
        "e.example": "valid",
    }
    assert "2 of 5 need somebody" in error
    assert " min, renewed" in run("oauth_status", "a.example")[0]
    assert "no end known" in run("oauth_status", "e.example")[0]
    assert "sk-ant" not in said

    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q="]
    assert "unreadable" in run("oauth_status", "a.example")[0]


def test_nothing_to_show_or_renew_is_told() -> None:
    assert "No OAuth credential" in run("oauth_status")[0]
    assert "There is no OAuth credential there" in run("oauth_refresh", "--all")[1]
    assert "or say --all" in run("oauth_refresh")[1]


def test_a_file_with_a_dead_token_is_shown_until_somebody_signed_in(
    endpoint: Emulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "e.example.credentials.json"
    oauth = {"accessToken": "sk-ant-oat01-x", "refreshToken": "sk-ant-ort01-dead", "expiresAt": 1000}
    path.write_text(json.dumps({"type": "oauth", "oauth": oauth}))
    endpoint.oauth.responses.append(refusal("invalid_grant", "Refresh token not found"))
    assert "failed: the token endpoint answered 400 (invalid_grant)" in run("oauth_refresh", "e.example")[0]

    text, error = run("oauth_status")
    (row,) = json.loads(run("oauth_status", "--json")[0])["credentials"]

    assert "needs_login" in text
    assert "1 of 1 need somebody" in error
    assert (row["state"], "invalid_grant" in row["lastError"]) == ("needs_login", True)
    Person(monkeypatch).login("--file", str(path))
    assert json.loads(run("oauth_status", "--json")[0])["credentials"][0]["state"] == "valid"
    assert dead_tokens.find(path, read(path).refresh_token) is None
