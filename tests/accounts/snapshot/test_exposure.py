import json
import logging
from pathlib import Path

import pytest
from django.core.checks import registry
from django.db import OperationalError
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts import checks
from accounts.access.decision import AccessCredential, DomainAccess, Snapshot
from accounts.snapshot import exposure
from accounts.snapshot.exposure import Exposure, of_snapshot
from accounts.snapshot.watcher import Watcher
from nexus_project.operations.grants import DASHBOARD
from tests.accounts.people import make_api_key, make_client_key, make_domain
from tests.roles import as_owner

pytestmark = pytest.mark.django_db
CREDENTIAL = AccessCredential("database", "1", "api_key", "sk-ant-api03-x")


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CREDENTIALS_DIR = tmp_path
    settings.NEXUS_DATA_DIR = tmp_path / "var"
    settings.CLAUDE_API_KEY = ""
    settings.ENABLE_CLIENT_AUTH = False
    return tmp_path


def put(folder: Path, name: str, **more: str) -> None:
    (folder / f"{name}.credentials.json").write_text(json.dumps({"type": "api_key", "api_key": "x", **more}))


def test_open_is_what_pays_and_demands_no_key() -> None:
    domains = {
        "b.example": DomainAccess("b.example", (CREDENTIAL,)),
        "a.example": DomainAccess("a.example", (CREDENTIAL,)),
        "guarded.example": DomainAccess("guarded.example", (CREDENTIAL,), guarded=True),
        "empty.example": DomainAccess("empty.example"),
    }

    assert of_snapshot(Snapshot(domains)) == Exposure(("a.example", "b.example"))
    assert of_snapshot(Snapshot({}, CREDENTIAL)) == Exposure((), default=True)
    assert not of_snapshot(Snapshot(domains, CREDENTIAL, client_auth=True))
    assert not of_snapshot(Snapshot())


def test_many_are_told_in_few_words() -> None:
    many = Exposure(tuple(f"{number}.example" for number in range(13)), default=True)

    assert many.words.endswith("9.example, 3 more, every host without a credential of its own")


@pytest.mark.database_role(DASHBOARD)
def test_by_database_files_and_environment(
    folder: Path, settings: Settings, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_api_key("open.example")
    make_api_key("off.example", enabled=False)
    make_api_key("revoked.example")
    make_client_key("revoked.example", revoked_at=timezone.now())
    make_domain("empty.example")
    put(folder, "_wildcard.file.example")
    put(folder, "keyed.example", client_api_key="cnp_live_x")
    make_client_key("both.example")
    put(folder, "both.example")

    with django_assert_num_queries(1):
        assert exposure.now() == Exposure(("*.file.example", "open.example"))

    settings.CLAUDE_API_KEY = "sk-ant-api03-default"
    assert exposure.now().default
    settings.ENABLE_CLIENT_AUTH = True
    with django_assert_num_queries(0):
        assert exposure.now() == Exposure()


def ids() -> list[str]:
    return [str(message.id) for message in checks.open_domains(None)]


@pytest.mark.database_role(DASHBOARD)
def test_the_deployment_check_names_them(settings: Settings) -> None:
    assert ids() == []

    make_api_key("open.example")
    settings.CLAUDE_API_KEY = "sk-ant-api03-default"

    assert ids() == ["accounts.W001", "accounts.W002"]
    first, second = checks.open_domains(None)
    assert "open.example." in first.msg
    assert "ENABLE_CLIENT_AUTH=true" in f"{first.hint}"
    assert "sk-ant" not in f"{first}{second}"
    assert checks.open_domains in registry.registry.get_checks(include_deployment_checks=True)


def test_without_the_database_the_check_tells_only_of_the_environment(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    def gone() -> None:
        raise OperationalError

    monkeypatch.setattr(exposure, "_rows", gone)
    put(folder, "file.example")

    assert ids() == ["accounts.W003"]
    assert "DATABASE_URL" in f"{checks.open_domains(None)[0].hint}"
    settings.CLAUDE_API_KEY = "sk-ant-api03-default"
    assert ids() == ["accounts.W003", "accounts.W002"]
    settings.ENABLE_CLIENT_AUTH = True
    assert ids() == []


def test_without_a_database_at_all_files_and_environment_are_all(settings: Settings, folder: Path) -> None:
    settings.DATABASE_URL = ""
    put(folder, "file.example")

    assert exposure.now() == Exposure(("file.example",))


@pytest.mark.django_db(transaction=True)
def test_the_proxys_log_says_it_at_the_start_and_at_each_change(
    settings: Settings, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings.CLAUDE_API_KEY = "sk-ant-api03-default"
    watcher = Watcher()
    with caplog.at_level(logging.INFO):
        watcher.refresh_now()
        watcher.refresh_now()
        put(folder, "open.example")
        watcher.refresh_now()
        settings.ENABLE_CLIENT_AUTH = True
        with as_owner():
            make_domain("more.example")
        watcher.refresh_now()

    said = [
        (record.message, record.__dict__.get("to_everybody", ""))
        for record in caplog.records
        if record.message.startswith("access.")
    ]
    default = "every host without a credential of its own"
    assert said == [
        ("access.open", default),
        ("access.open", f"open.example, {default}"),
        ("access.closed", ""),
    ]
