"""What anybody may spend is said on every page and in the admin."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.test import Client
from pytest_django import Settings

from accounts.snapshot import exposure
from tests.accounts.people import make_api_key, make_client_key

pytestmark = pytest.mark.django_db
SAYS = "Open to everybody"
PAGES = ["/dashboard", "/dashboard/requests", "/dashboard/usage"]


@pytest.fixture(autouse=True)
def _nothing_else(settings: Settings, tmp_path: Path) -> None:
    settings.CREDENTIALS_DIR = tmp_path
    settings.CLAUDE_API_KEY = ""
    settings.ENABLE_CLIENT_AUTH = False


@pytest.mark.parametrize("path", PAGES)
def test_a_page_names_the_open_domains_and_what_to_do(signed_in: Client, path: str) -> None:
    assert SAYS not in signed_in.get(path).text

    make_api_key("open.example")
    reported = signed_in.get(path).text

    assert SAYS in reported
    assert "open.example" in reported
    assert "ENABLE_CLIENT_AUTH=true" in reported
    make_client_key("open.example")
    assert SAYS not in signed_in.get(path).text


def test_the_default_key_of_everybody_is_named_and_not_shown(signed_in: Client, settings: Settings) -> None:
    settings.CLAUDE_API_KEY = "sk-ant-api03-default"

    reported = signed_in.get("/dashboard").text

    assert "every host without a credential of its own" in reported
    assert "sk-ant-api03" not in reported


def test_the_admin_says_it_to_operators_only(client: Client) -> None:
    make_api_key("open.example")

    assert SAYS not in client.get("/admin/login/").text
    client.force_login(User.objects.create_superuser("olga"))
    for path in ("/admin/", "/admin/accounts/domain/", "/admin/accounts/clientkey/add/"):
        assert "open.example" in client.get(path).text


def test_a_page_does_not_fail_for_it(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> None:
        raise OperationalError

    monkeypatch.setattr(exposure, "_rows", gone)

    response = signed_in.get("/dashboard")

    assert response.status_code == 200
    assert SAYS not in response.text
