"""The access snapshot on disk: what serves when a proxy starts while its database is down."""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from cryptography.fernet import Fernet
from django.db import connection, connections
from django.utils import timezone
from pytest_django import Settings

from accounts.access import keys
from accounts.access.decision import AccessCredential, Claim, Denied, DomainAccess, KeyGrant, Snapshot, decide
from accounts.access.hosts import parse_host
from accounts.access.inbound import read_credentials
from accounts.fields import encrypt_bytes
from accounts.snapshot import file as snapshot_file
from accounts.snapshot.watcher import Watcher
from nexus_project.demo.serving import free_socket
from tests.accounts.people import make_api_key, make_client_key
from tests.roles import as_owner

CREDENTIAL = AccessCredential(
    "database", "7", "oauth", "sk-ant-oat01-secret", "Team", 1234.5, refreshable=True
)
GRANTS = {keys.digest("cnp_live_good"): KeyGrant("3"), keys.digest("cnp_live_revoked"): KeyGrant("4", 99.5)}
STORED = Snapshot({"a.example": DomainAccess("a.example", (CREDENTIAL,), GRANTS, guarded=True)})


@pytest.fixture(autouse=True)
def data_dir(settings: Settings, tmp_path: Path) -> Path:
    settings.NEXUS_DATA_DIR = tmp_path / "var"
    settings.CREDENTIALS_DIR = tmp_path
    settings.CLAUDE_API_KEY = ""
    settings.ENABLE_CLIENT_AUTH = True
    path: Path = settings.NEXUS_DATA_DIR
    return path


@contextmanager
def database_down() -> Iterator[None]:
    address = dict(connection.settings_dict)
    with free_socket() as closed_port:
        connections.close_all()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": closed_port.getsockname()[1]}
        try:
            yield
        finally:
            connection.settings_dict |= address


def test_what_was_saved_is_loaded_the_same() -> None:
    snapshot_file.save(STORED)

    loaded = snapshot_file.load()

    assert loaded == STORED
    assert loaded is not None
    assert loaded.domains["a.example"].grants[keys.digest("cnp_live_good")].expires_at == math.inf


def test_a_file_of_an_earlier_version_serves_as_well(data_dir: Path) -> None:
    older = STORED.domains["a.example"]
    domains = {"a.example": {**msgspec.to_builtins(older), "payers": [CREDENTIAL]}}
    del domains["a.example"]["credentials"]
    data_dir.mkdir(exist_ok=True)
    (data_dir / "access.snapshot").write_bytes(
        encrypt_bytes(msgspec.msgpack.encode({"saved_at": 1.0, "domains": domains, "limits": STORED.limits}))
    )

    assert snapshot_file.load() == STORED


def test_it_is_for_its_owner_alone_and_holds_nothing_in_clear(data_dir: Path) -> None:
    snapshot_file.save(STORED)
    snapshot_file.save(STORED)

    [path] = data_dir.iterdir()
    assert path.name == "access.snapshot"
    assert path.stat().st_mode & 0o777 == 0o600
    for clear in (b"sk-ant-", b"a.example", b"Team", keys.digest("cnp_live_good").encode()):
        assert clear not in path.read_bytes()


def test_any_of_the_keys_opens_it(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    snapshot_file.save(STORED)
    old = settings.FIELD_ENCRYPTION_KEYS

    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode(), *old]
    assert snapshot_file.load() == STORED

    settings.FIELD_ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    assert snapshot_file.load() is None
    assert caplog.records[-1].message == "access.snapshot_unusable"


@pytest.mark.parametrize("content", [b"", b"nothing that was ever encrypted", b"\xff" * 100, None])
def test_a_damaged_one_is_ignored_and_told(
    data_dir: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot_file.save(STORED)
    path = data_dir / "access.snapshot"
    path.write_bytes(path.read_bytes()[:-9] if content is None else content)

    assert snapshot_file.load() is None
    assert [record.message for record in caplog.records] == ["access.snapshot_unusable"]


@pytest.mark.parametrize("content", [b"", b"\xc1", b"\x80", b"\x93\x01\x02\x03"])
def test_one_of_another_form_is_ignored_and_told(
    data_dir: Path, content: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    snapshot_file.save(STORED)
    (data_dir / "access.snapshot").write_bytes(encrypt_bytes(content))

    assert snapshot_file.load() is None
    assert [record.message for record in caplog.records] == ["access.snapshot_unusable"]


def test_without_a_file_there_is_nothing_to_tell(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert snapshot_file.load() is None
    assert not caplog.records

    data_dir.mkdir()
    (data_dir / "access.snapshot").mkdir()
    assert snapshot_file.load() is None
    assert "Is a directory" in caplog.records[0].__dict__["why"]


def test_a_disk_that_fails_is_told_and_hurts_nobody(data_dir: Path, caplog: pytest.LogCaptureFixture) -> None:
    data_dir.write_text("a file where the folder should be")

    snapshot_file.save(STORED)

    assert [record.message for record in caplog.records] == ["access.snapshot_not_kept"]


def ask(watcher: Watcher, *headers: tuple[bytes, bytes]) -> str:
    """What pays, or why nobody does."""
    assert watcher.current
    claim = Claim(parse_host("a.example"), read_credentials(headers))
    try:
        return decide(watcher.current, claim, time.time()).paid_by
    except Denied as denied:
        return denied.kind


@pytest.mark.django_db(transaction=True)
def test_a_start_without_the_database_serves_what_an_earlier_process_kept_until_it_answers(
    caplog: pytest.LogCaptureFixture,
) -> None:
    make_api_key()
    _, good = make_client_key()
    _, revoked = make_client_key(revoked_at=timezone.now())
    earlier = Watcher()
    earlier.refresh_now()
    earlier.save()
    later = Watcher()

    with database_down(), caplog.at_level(logging.INFO):
        later.refresh_now()
        later.refresh_now()
        later.save()
        paid = [
            ask(later, *headers)
            for headers in ([(b"x-api-key", good.encode())], [(b"x-api-key", revoked.encode())], [])
        ]

    assert paid == ["database:main", "authentication_error", "authentication_error"]
    with as_owner():
        make_api_key(name="more")
    later.refresh_now()
    assert later.current
    assert len(later.current.domains["a.example"].credentials) == 2
    reported = ["access.database_down", "access.snapshot_serves", "access.database_up"]
    assert [record.message for record in caplog.records] == reported


@pytest.mark.django_db(transaction=True)
def test_each_change_is_kept_by_the_watchers_thread(data_dir: Path) -> None:
    watcher = Watcher()
    watcher.start()
    try:
        make_api_key()
        deadline = time.monotonic() + 3
        while not ((loaded := snapshot_file.load()) and loaded.domains):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    finally:
        watcher.stop()


@pytest.mark.django_db(transaction=True)
def test_without_a_file_the_first_start_waits_for_the_database() -> None:
    watcher = Watcher()

    with database_down():
        watcher.refresh_now()

    assert watcher.current is None
