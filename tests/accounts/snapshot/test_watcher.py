import json
import logging
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from accounts.access import keys
from accounts.models import Credential
from accounts.snapshot import watcher
from accounts.snapshot.watcher import Watcher
from nexus_project.demo.serving import free_socket
from tests import watching
from tests.accounts.people import make_api_key, make_client_key
from tests.roles import as_owner
from tests.watching import soon


@pytest.fixture(autouse=True)
def folder(settings: Settings, tmp_path: Path) -> Path:
    settings.CREDENTIALS_DIR = tmp_path
    settings.NEXUS_DATA_DIR = tmp_path / "var"
    settings.CLAUDE_API_KEY = ""
    settings.ENABLE_CLIENT_AUTH = True
    return tmp_path


@pytest.fixture
def running() -> Iterator[Watcher]:
    with watching.running(Watcher()) as watcher:
        yield watcher


def secrets(watcher: Watcher, domain: str = "a.example") -> list[str]:
    assert watcher.current
    access = watcher.current.domains.get(domain)
    return [credential.secret for credential in access.credentials] if access else []


def put(folder: Path, key: str) -> Path:
    path = folder / "a.example.credentials.json"
    path.write_text(json.dumps({"type": "api_key", "api_key": key}))
    path.chmod(0o600)
    return path


@pytest.mark.django_db(transaction=True)
def test_predecessor_defect_30_a_file_counts_within_two_seconds(running: Watcher, folder: Path) -> None:
    path = put(folder, "one")
    soon(lambda: secrets(running) == ["one"])

    put(folder, "other")
    soon(lambda: secrets(running) == ["other"])

    path.write_text("{")
    soon(lambda: secrets(running) == [""])

    path.unlink()
    soon(lambda: secrets(running) == [])


@pytest.mark.django_db(transaction=True)
def test_a_row_counts_within_two_seconds_and_stops_as_fast(running: Watcher) -> None:
    row = make_api_key()
    soon(lambda: secrets(running) == ["sk-ant-api03-row"])

    with as_owner():
        Credential.objects.filter(pk=row.pk).update(enabled=False)
    soon(lambda: secrets(running) == [])


@pytest.mark.django_db(transaction=True)
def test_a_revoked_key_stops_working_within_two_seconds(running: Watcher) -> None:
    row, key = make_client_key()

    def opens() -> bool:
        access = running.current and running.current.domains.get("a.example")
        grant = access and access.grants.get(keys.digest(key))
        return bool(grant and time.time() < grant.expires_at)

    soon(opens)
    row.revoked_at = timezone.now()
    with as_owner():
        row.save()

    soon(lambda: not opens())


@pytest.mark.django_db(transaction=True)
def test_with_the_database_down_the_last_snapshot_and_the_files_keep_serving(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_api_key()
    watcher = Watcher()
    watcher.refresh_now()
    address = dict(connection.settings_dict)
    with free_socket() as closed_port, caplog.at_level(logging.INFO):
        connections.close_all()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": closed_port.getsockname()[1]}
        put(folder, "file")
        watcher.refresh_now()
        watcher.refresh_now()
        down = secrets(watcher)
        connection.settings_dict |= address
        watcher.refresh_now()

    assert down == secrets(watcher) == ["sk-ant-api03-row", "file"]
    assert [record.message for record in caplog.records] == ["access.database_down", "access.database_up"]


@pytest.mark.django_db(transaction=True)
def test_without_a_first_answer_of_the_database_there_is_no_snapshot(folder: Path) -> None:
    address = dict(connection.settings_dict)
    watcher = Watcher()
    put(folder, "file")
    with free_socket() as closed_port:
        connections.close_all()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": closed_port.getsockname()[1]}
        watcher.refresh_now()
        connection.settings_dict |= address

    assert watcher.current is None
    watcher.refresh_now()
    assert secrets(watcher) == ["file"]


def test_without_a_database_files_and_environment_serve_alone(settings: Settings, folder: Path) -> None:
    settings.DATABASE_URL = ""
    settings.CLAUDE_API_KEY = "sk-ant-api03-default"
    put(folder, "file")
    watcher = Watcher()

    watcher.refresh_now()

    assert secrets(watcher) == ["file"]
    assert watcher.current
    assert watcher.current.default


@pytest.mark.django_db(transaction=True)
def test_a_lost_encryption_key_hides_only_what_it_wrote(running: Watcher, settings: Settings) -> None:
    old = settings.FIELD_ENCRYPTION_KEYS
    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    make_api_key(name="unreadable")
    settings.FIELD_ENCRYPTION_KEYS = old
    make_api_key(name="good")

    soon(lambda: secrets(running) == ["", "sk-ant-api03-row"])


@pytest.mark.django_db(transaction=True)
def test_a_bug_does_not_stop_the_watching(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(watcher, "INTERVAL_SECONDS", 0.05)
    subject = Watcher()
    good = subject.refresh_now

    def once() -> None:
        subject.refresh_now = good  # type: ignore[method-assign]  # what a bug would be
        raise ZeroDivisionError

    subject.refresh_now = once  # type: ignore[method-assign]  # see above
    subject.start()
    soon(lambda: subject.current is not None)
    subject.stop()

    assert [record.message for record in caplog.records] == ["access.refresh_failed"]


@pytest.mark.django_db(transaction=True)
def test_nothing_new_leaves_the_snapshot_as_it_is() -> None:
    watcher = Watcher()
    watcher.refresh_now()
    first = watcher.current

    watcher.refresh_now()

    assert watcher.current is first
