import json
import logging
import math
from dataclasses import fields
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.access import keys
from accounts.access.decision import AccessCredential, DomainAccess, Snapshot
from accounts.credentials.files import CredentialFile, read
from accounts.models import Credential
from accounts.snapshot import credentials
from accounts.snapshot.build import combine, from_database
from tests.accounts.people import make_api_key, make_client_key, make_domain, make_oauth
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_default(settings: Settings) -> None:
    settings.CLAUDE_API_KEY = ""


def file(folder: Path, domain: str, **content: object) -> tuple[Path, CredentialFile]:
    path = folder / f"{domain}.credentials.json"
    path.write_text(json.dumps({"type": "api_key", "api_key": f"key of {path.name}", **content}))
    return path, read(path)


def spoil(table: str, column: str, pk: int) -> None:
    with as_owner(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET {column} = 'of another key' WHERE id = %s", [pk])  # noqa: S608 - names of this file


def test_the_rows_of_the_database() -> None:
    api_key = make_api_key(account_id="acc_1")
    oauth = make_oauth("b.example", seconds_left=100)
    make_domain("empty.example")

    domains = from_database().domains

    assert domains["a.example"].credentials == (
        AccessCredential("database", str(api_key.pk), "api_key", "sk-ant-api03-row", "acc_1"),
    )
    (credential,) = domains["b.example"].credentials
    assert (credential.secret, credential.account, credential.refreshable) == (
        "sk-ant-oat01-old",
        "main",
        True,
    )
    assert oauth.expires_at
    assert credential.expires_at == oauth.expires_at.timestamp()
    assert domains["empty.example"] == DomainAccess("empty.example")


def test_a_disabled_credential_does_not_count_and_the_oldest_comes_first() -> None:
    make_api_key(name="off", enabled=False)
    make_api_key(name="first")
    make_api_key(name="second")

    assert [credential.account for credential in from_database().domains["a.example"].credentials] == [
        "first",
        "second",
    ]


def test_a_credential_that_waits_for_a_login_is_not_refreshed() -> None:
    make_oauth(state=Credential.State.NEEDS_LOGIN)
    make_oauth("b.example", refresh_token="", expires_at=None)

    domains = from_database().domains

    assert not domains["a.example"].credentials[0].refreshable
    assert (
        domains["b.example"].credentials[0].refreshable,
        domains["b.example"].credentials[0].expires_at,
    ) == (
        False,
        math.inf,
    )


def test_a_value_that_no_key_decrypts_hides_no_other_credential_and_is_named(
    caplog: pytest.LogCaptureFixture,
) -> None:
    broken = make_api_key(name="broken")
    make_api_key(name="good")
    make_api_key("b.example")
    spoil("accounts_credential", "api_key", broken.pk)

    with caplog.at_level(logging.ERROR):
        domains = from_database().domains

    assert [(credential.name, credential.usable(0)) for credential in domains["a.example"].credentials] == [
        ("database:broken", False),
        ("database:good", True),
    ]
    assert domains["b.example"].credentials[0].usable(0)
    assert "FIELD_ENCRYPTION_KEYS" in caplog.records[0].__dict__["action"]


def test_a_webhook_that_no_key_decrypts_hides_no_credential_and_no_key() -> None:
    row = make_api_key()
    make_client_key()
    spoil("accounts_domain", "slack_webhook_url", row.domain_id)

    access = from_database().domains["a.example"]

    assert access.credentials[0].secret == "sk-ant-api03-row"
    assert access.guarded


def test_keys_open_their_domain_until_they_end_or_are_revoked() -> None:
    now = timezone.now()
    _, key = make_client_key()
    _, ending = make_client_key(expires_at=now + timedelta(days=2), revoked_at=now + timedelta(days=1))
    make_domain("b.example")

    domains = from_database().domains

    grants = domains["a.example"].grants
    assert grants[keys.digest(key)].expires_at == math.inf
    assert grants[keys.digest(ending)].expires_at == (now + timedelta(days=1)).timestamp()
    assert (domains["b.example"].grants, domains["b.example"].guarded) == ({}, False)


def test_a_domain_whose_only_key_is_revoked_stays_guarded() -> None:
    make_client_key(revoked_at=timezone.now())

    assert from_database().domains["a.example"].guarded


def test_the_number_of_queries_does_not_grow_with_the_rows(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(5):
        make_api_key(f"d{number}.example")
        make_client_key(f"d{number}.example")

    with django_assert_num_queries(4):
        from_database()


def test_files_come_after_the_rows_of_their_domain(tmp_path: Path) -> None:
    row = AccessCredential("database", "1", "api_key", "row")
    stored = Snapshot({"a.example": DomainAccess("a.example", (row,))})
    found = [file(tmp_path, "a.example", accountId="acc_1"), file(tmp_path, "LOCALHOST:3000")]

    domains = combine(stored, dict(found)).domains

    assert [credential.name for credential in domains["a.example"].credentials] == [
        "database:1",
        "file:acc_1",
    ]
    assert domains["localhost:3000"].credentials[0].name == "file:LOCALHOST:3000.credentials.json"
    assert stored.domains["a.example"].credentials == (row,)


def test_an_oauth_file_pays_with_its_access_token(tmp_path: Path) -> None:
    oauth = {"accessToken": "sk-ant-oat01-f", "refreshToken": "r", "expiresAt": 5000}
    path, content = file(tmp_path, "a.example", type="oauth", oauth=oauth)

    assert credentials.from_file(content) == AccessCredential(
        "file", str(path), "oauth", "sk-ant-oat01-f", path.name, 5.0, True
    )


def test_a_broken_file_pays_nothing_and_is_named() -> None:
    domains = combine(Snapshot(), {Path("/c/a.example.credentials.json"): None}).domains

    (credential,) = domains["a.example"].credentials
    assert (credential.name, credential.usable(0)) == ("file:a.example.credentials.json", False)


def test_one_client_key_in_two_files_opens_both_domains(tmp_path: Path) -> None:
    found = [file(tmp_path, name, client_api_key="cnp_live_x") for name in ("a.example", "b.example")]

    domains = combine(Snapshot(), dict(found)).domains

    assert (
        domains["a.example"].grants[keys.digest("cnp_live_x")].reference == "file:a.example.credentials.json"
    )
    assert (
        domains["b.example"].grants[keys.digest("cnp_live_x")].reference == "file:b.example.credentials.json"
    )
    assert domains["a.example"].guarded


def test_files_whose_name_is_no_domain_do_not_count(tmp_path: Path) -> None:
    assert combine(Snapshot(), dict([file(tmp_path, "a..b")])).domains == {}


@pytest.mark.parametrize(
    ("value", "kind", "secret"),
    [
        ("sk-ant-api03-x", "api_key", "sk-ant-api03-x"),
        ("Bearer sk-ant-api03-x", "api_key", "sk-ant-api03-x"),
        ("sk-ant-oat01-x", "oauth", "sk-ant-oat01-x"),
        ("Bearer other", "oauth", "other"),
        ("other", "api_key", "other"),
    ],
)
def test_claude_api_key_is_the_default(settings: Settings, value: str, kind: str, secret: str) -> None:
    settings.CLAUDE_API_KEY = value

    default = combine(Snapshot(), {}).default

    assert default
    assert (default.name, default.kind, default.secret) == ("environment:CLAUDE_API_KEY", kind, secret)


def test_without_claude_api_key_there_is_no_default(settings: Settings) -> None:
    settings.ENABLE_CLIENT_AUTH = True

    assert combine(Snapshot(), {}) == Snapshot({}, None, client_auth=True)


@pytest.mark.parametrize("secret", ["sk-ant\nfoo", "sk-ant\r\nx-evil: 1", "schlüssel", "a\0b"])
def test_a_secret_that_no_header_can_carry_is_unusable(secret: str) -> None:
    make_api_key(api_key=secret)

    assert not from_database().domains["a.example"].credentials[0].usable(0)


def test_wildcards_are_rows_and_files_of_one_name(tmp_path: Path) -> None:
    make_api_key("*.wild.example")

    snapshot = combine(
        from_database(), dict([file(tmp_path, "_wildcard.wild.example"), file(tmp_path, "_wildcard.com")])
    )

    assert snapshot.has_wildcards
    assert list(snapshot.domains) == ["*.wild.example"]
    assert [credential.source for credential in snapshot.domains["*.wild.example"].credentials] == [
        "database",
        "file",
    ]
    assert not combine(Snapshot(), {}).has_wildcards


def test_files_and_environment_change_their_own_fields_of_a_snapshot_and_no_other() -> None:
    own = {"domains", "default", "client_auth", "shared_files", "has_wildcards"}
    rest = {field.name: f"the {field.name} of before" for field in fields(Snapshot) if field.name not in own}

    found = combine(Snapshot(**rest), {})  # type: ignore[arg-type]  # nobody looks into them

    assert {name: getattr(found, name) for name in rest} == rest
