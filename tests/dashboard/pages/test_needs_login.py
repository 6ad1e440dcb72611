"""A credential that needs a login is named on every page and in the admin."""

import json
from pathlib import Path

import pytest
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from accounts.credentials import dead_tokens
from accounts.models import Credential
from tests.accounts.people import make_oauth
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
SAYS = "Needs login"


@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/requests", "/dashboard/usage"])
def test_a_page_names_it_until_somebody_signed_in(signed_in: Client, path: str) -> None:
    row = make_oauth("dead.example", name="team")
    make_oauth("off.example", enabled=False, state=Credential.State.NEEDS_LOGIN)
    assert SAYS not in signed_in.get(path).text
    with as_owner():
        row.save_failure("invalid_grant", permanent=True)

    reported = signed_in.get(path).text

    assert SAYS in reported
    assert "team (dead.example)" in reported
    assert "oauth_login" in reported
    assert "off.example" not in reported


def test_a_database_that_fails_there_breaks_no_page(
    signed_in: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(**given: object) -> object:
        raise OperationalError("down")

    monkeypatch.setattr(Credential.objects, "filter", down)

    assert signed_in.get("/dashboard").status_code == 200


def test_a_file_is_named_until_it_holds_another_token(
    signed_in: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.CREDENTIALS_DIR = tmp_path / "not-mounted"
    assert SAYS not in signed_in.get("/dashboard").text
    settings.CREDENTIALS_DIR = tmp_path
    path = tmp_path / "dead.example.credentials.json"
    path.write_text(json.dumps({"type": "oauth", "oauth": {"refreshToken": "sk-ant-ort01-dead"}}))
    dead_tokens.note(path, "sk-ant-ort01-dead", "invalid_grant")

    reported = signed_in.get("/dashboard").text
    path.write_text(json.dumps({"type": "oauth", "oauth": {"refreshToken": "sk-ant-ort01-new-one"}}))

    assert SAYS in reported
    assert path.name in reported
    assert "sk-ant" not in reported
    assert SAYS not in signed_in.get("/dashboard").text
