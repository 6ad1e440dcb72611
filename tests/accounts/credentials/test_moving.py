"""Credential files into the database and back."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from accounts.models import ClientKey, Credential, Domain
from tests.accounts.credentials.test_files import API_KEY, OAUTH, written
from tests.accounts.people import make_api_key
from tests.roles import OWNER

# Whoever may run `manage.py` moves credentials.
pytestmark = [pytest.mark.django_db, pytest.mark.database_role(OWNER)]

FILES: dict[str, dict[str, Any]] = {
    "a.example": OAUTH,
    "b.example:8443": {
        "type": "api_key",
        "api_key": "sk-ant-api03-b",
        "accountId": None,
        "note": {"x": [1, None, ""]},
    },
    "*.c.example.com": {
        "type": "oauth",
        "oauth": {"refreshToken": "sk-ant-ort01-c", "scopes": [], "isMax": False},
    },
    "d.example": {
        "type": "oauth",
        "oauth": {"accessToken": "sk-ant-oat01-d", "expiresAt": 1_700_000_000_001, "scopes": ["a", "b"]},
        "slack": {"webhook_url": "https://hooks.slack.com/services/d", "enabled": True, "later": 1},
    },
}


def run(*words: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command(*words, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def folder_of(files: dict[str, dict[str, Any]], folder: Path) -> Path:
    folder.mkdir()
    for domain, content in files.items():
        name = domain.replace("*.", "_wildcard.")
        written(folder, content, f"{name}.credentials.json")
    return folder


def contents(folder: Path) -> dict[str, Any]:
    return {path.name: json.loads(path.read_text()) for path in folder.iterdir()}


def test_files_come_back_as_they_were_and_for_their_owner_alone(tmp_path: Path) -> None:
    source, target = folder_of(FILES, tmp_path / "in"), tmp_path / "out"

    run("import_credentials", str(source))
    said, warned = run("export_credentials", str(target))

    assert contents(target) == contents(source)
    assert {path.stat().st_mode & 0o777 for path in target.iterdir()} == {0o600}
    assert target.stat().st_mode & 0o777 == 0o700
    assert "secrets in clear" in warned
    assert "sk-ant" not in said


def test_a_row_has_all_that_the_file_said_and_its_client_key_as_a_hash(tmp_path: Path) -> None:
    run("import_credentials", str(written(tmp_path, OAUTH)))

    row = Credential.objects.get(domain__name="a.example")
    key = ClientKey.objects.get(domain__name="a.example")
    assert (row.name, row.kind, row.refresh_token, row.is_max) == ("acc_1", "oauth", "sk-ant-ort01-x", True)
    assert (row.domain.slack_channel, row.domain.slack_enabled) == ("#a", False)
    assert key.hint == "ve_x"
    assert "sk-ant" not in row.document


def test_todays_values_are_exported_and_a_revoked_key_is_not(tmp_path: Path) -> None:
    run("import_credentials", str(written(tmp_path, OAUTH)))
    row = Credential.objects.get()
    row.save_tokens("sk-ant-oat01-new", "sk-ant-ort01-new", timezone.now(), ["a"])
    ClientKey.objects.update(revoked_at=timezone.now())
    Domain.objects.update(slack_enabled=True)

    run("export_credentials", str(tmp_path / "out"))

    (document,) = contents(tmp_path / "out").values()
    assert document["oauth"]["accessToken"] == "sk-ant-oat01-new"
    assert document["oauth"]["future"] == [1]
    assert document["slack"]["enabled"] is True
    assert "client_api_key" not in document


def test_what_is_there_is_only_replaced_when_asked(tmp_path: Path) -> None:
    path = str(written(tmp_path, API_KEY))

    def imported(*more: str) -> list[str]:
        reported = json.loads(run("import_credentials", path, "--json", *more)[0])
        return [credential["action"] for credential in reported["credentials"]]

    assert imported("--dry-run") == ["created"]
    assert not Domain.objects.exists()
    assert [imported(), imported(), imported("--replace")] == [["created"], ["skipped"], ["replaced"]]
    run("export_credentials", str(tmp_path))
    assert "--replace writes over it" in run("export_credentials", str(tmp_path))[0]
    assert "written" in run("export_credentials", str(tmp_path), "--replace")[0]


def test_a_bad_file_stops_no_other_and_is_told(tmp_path: Path) -> None:
    written(tmp_path, {"type": "oauth"}, "bad.example.credentials.json")
    written(tmp_path, API_KEY, "not a host.credentials.json")
    written(tmp_path, API_KEY)
    said = StringIO()

    with pytest.raises(CommandError, match="2 of 3 failed"):
        call_command("import_credentials", str(tmp_path), stdout=said)

    assert [row.domain.name for row in Credential.objects.all()] == ["a.example"]
    assert '"oauth" needs "accessToken"' in said.getvalue()
    assert "its name is no domain" in said.getvalue()
    assert not Domain.objects.filter(name="bad.example").exists()


def test_a_client_key_of_another_domain_is_refused_whole(tmp_path: Path) -> None:
    written(tmp_path, OAUTH)
    written(tmp_path, OAUTH, "b.example.credentials.json")

    said, _ = run("import_credentials", str(tmp_path))

    assert "opens a.example already" in said
    assert [row.domain.name for row in Credential.objects.all()] == ["a.example"]


def test_of_several_credentials_one_is_to_be_chosen(tmp_path: Path) -> None:
    make_api_key(name="one")
    make_api_key(name="two", api_key="sk-ant-api03-two")

    with pytest.raises(CommandError, match="2 of 2 failed"):
        run("export_credentials", str(tmp_path))
    run("export_credentials", str(tmp_path), "--domain", "a.example", "--name", "two")

    assert [content["api_key"] for content in contents(tmp_path).values()] == ["sk-ant-api03-two"]


@pytest.mark.parametrize(
    ("words", "reported"),
    [
        (("import_credentials", "/nowhere"), "is not there"),
        (("import_credentials", "{folder}"), "nothing was imported"),
        (("export_credentials", "{folder}"), "No such credential"),
    ],
)
def test_nothing_to_move_is_an_error(tmp_path: Path, words: tuple[str, ...], reported: str) -> None:
    with pytest.raises(CommandError, match=reported):
        run(*(word.format(folder=tmp_path) for word in words))


def test_an_unreadable_secret_and_a_full_folder_are_told(tmp_path: Path, settings: Any) -> None:
    make_api_key()
    (tmp_path / "a.example.credentials.json").mkdir()

    with pytest.raises(CommandError, match="1 of 1 failed"):
        run("export_credentials", str(tmp_path), "--replace")
    settings.FIELD_ENCRYPTION_KEYS = ["b3RoZXJvdGhlcm90aGVyb3RoZXJvdGhlcm90aGVyb3Q="]
    said = StringIO()
    with pytest.raises(CommandError, match="1 of 1 failed"):
        call_command("export_credentials", str(tmp_path / "x"), stdout=said)
    assert "FIELD_ENCRYPTION_KEYS" in said.getvalue()
