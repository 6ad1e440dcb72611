import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone
from pytest_django import Settings

from accounts.access.decision import AccessCredential
from accounts.credentials.files import read
from accounts.models import Credential
from accounts.oauth import endpoint as oauth_endpoint
from accounts.oauth import refresh as oauth
from accounts.oauth.refresh import RefreshFailed
from accounts.snapshot import credentials
from nexus_project.demo.emulator import Emulator, Script
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.endpoints.oauth import refusal
from nexus_project.demo.serving import free_socket
from tests.accounts.people import make_oauth
from tests.roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)

GRANT = {"access_token": "sk-ant-oat01-new", "expires_in": 3600}


def credential_of(kept: Credential | Path) -> AccessCredential:
    return credentials.from_file(read(kept)) if isinstance(kept, Path) else credentials.from_row(kept)


def failure(kept: Credential | Path, *, forced: bool = False) -> RefreshFailed:
    with pytest.raises(RefreshFailed) as caught:
        oauth.refresh(credential_of(kept), forced=forced)
    return caught.value


def test_a_row_gets_a_new_pair(endpoint: Emulator, row: Credential) -> None:
    oauth.refresh(credential_of(row))

    row.refresh_from_db()
    grant = endpoint.oauth.grants[0]
    assert (row.access_token, row.refresh_token) == (grant["access_token"], grant["refresh_token"])
    assert row.scopes == oauth.DEFAULT_SCOPES
    assert row.expires_at
    assert 28_700 < (row.expires_at - timezone.now()).total_seconds() <= 28_800


def test_a_file_gets_a_new_pair_and_keeps_the_rest(endpoint: Emulator, path: Path) -> None:
    oauth.refresh(credential_of(path))

    file, grant = read(path), endpoint.oauth.grants[0]
    assert (file.access_token, file.refresh_token) == (grant["access_token"], grant["refresh_token"])
    assert file.is_max
    assert json.loads(path.read_text())["unknown"] == 1
    assert file.expires_at
    assert 28_700 < file.expires_at.timestamp() - time.time() <= 28_800


def test_what_is_asked_is_what_the_endpoint_documents(
    endpoint: Emulator, row: Credential, settings: Settings
) -> None:
    settings.CLAUDE_OAUTH_CLIENT_ID = "our-client"

    oauth.refresh(credential_of(row))

    (entry,) = endpoint.log
    assert (entry.method, entry.path, entry.value("content-type")) == (
        "POST",
        "/v1/oauth/token",
        "application/json",
    )
    assert entry.value("anthropic-beta") == "oauth-2025-04-20"
    assert json.loads(entry.body) == {
        "client_id": "our-client",
        "refresh_token": row.refresh_token,
        "grant_type": "refresh_token",
    }


@pytest.mark.parametrize("extra", [{}, {"refresh_token": None}, {"refresh_token": "", "scope": ""}])
def test_without_a_new_refresh_token_the_old_one_is_kept(
    endpoint: Emulator, row: Credential, extra: dict[str, object]
) -> None:
    endpoint.oauth.responses.append(json_response({**GRANT, **extra}))

    oauth.refresh(credential_of(row))

    before = row.refresh_token
    row.refresh_from_db()
    assert (row.access_token, row.refresh_token) == ("sk-ant-oat01-new", before)
    assert row.scopes == oauth.DEFAULT_SCOPES


def test_the_scopes_of_the_answer_are_kept(endpoint: Emulator, row: Credential) -> None:
    endpoint.oauth.responses.append(json_response({**GRANT, "scope": "a b"}))

    oauth.refresh(credential_of(row))

    row.refresh_from_db()
    assert row.scopes == ["a", "b"]


@pytest.mark.parametrize("status", [400, 401])
def test_a_refused_refresh_token_waits_for_a_login(endpoint: Emulator, row: Credential, status: int) -> None:
    endpoint.oauth.responses.append(refusal("invalid_grant", "Refresh token not found", status=status))

    failed = failure(row)

    row.refresh_from_db()
    assert failed.permanent
    assert (row.state, row.last_error) == (
        "needs_login",
        f"the token endpoint answered {status} (invalid_grant); sign in again with manage.py oauth_login",
    )
    assert not credential_of(row).refreshable


def test_a_credential_that_waits_for_a_login_asks_no_more(endpoint: Emulator, row: Credential) -> None:
    stale = credential_of(row)
    row.save_failure("sign in again", permanent=True)

    with pytest.raises(RefreshFailed, match="sign in again"):
        oauth.refresh(stale)

    assert endpoint.oauth.calls == 0


GARBAGE = [
    Script(200, (("content-type", "application/json"),), (b"<html>",)),
    Script(200, (), (b"[" * 100_000,)),
    Script(200, (), (b"\xff\xfe",)),
    json_response([]),
    json_response("x"),
    json_response({}),
    json_response({"access_token": "x"}),
    json_response({"access_token": None, "expires_in": 3600}),
    json_response({"access_token": "", "expires_in": 3600}),
    json_response({"access_token": "x", "expires_in": "soon"}),
    json_response({"access_token": "x", "expires_in": 1e300}),
    Script(200, (), (b'{"access_token": "x", "expires_in": NaN}',)),
    Script(end="no_head"),
    Script(200, (("content-length", "100"),), (b'{"access',), end="cut"),
    json_response({}, status=500),
    Script(302, (("location", "/elsewhere"),)),
]


@pytest.mark.parametrize("response", GARBAGE, ids=range(len(GARBAGE)))
def test_an_answer_without_tokens_keeps_the_old_ones_and_may_be_tried_again(
    endpoint: Emulator, row: Credential, path: Path, response: Script
) -> None:
    endpoint.oauth.responses.extend([response, response])
    before = path.read_bytes()

    failed = [failure(row), failure(path)]

    row.refresh_from_db()
    assert not any(item.permanent for item in failed)
    assert (row.access_token, row.state, row.last_error) == ("sk-ant-oat01-old", "valid", failed[0].message)
    assert path.read_bytes() == before
    assert endpoint.oauth.calls == 2


def test_a_slow_endpoint_is_not_waited_for_for_ever(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth_endpoint, "TIMEOUT_SECONDS", 0.2)
    endpoint.oauth.responses.append(replace(json_response(GRANT), head_pause=5))
    started = time.monotonic()

    failed = failure(row)

    assert failed.message == "the token endpoint did not answer (ReadTimeout)"
    assert time.monotonic() - started < 2


def test_an_endpoint_that_is_down(settings: Settings, row: Credential) -> None:
    with free_socket() as closed_port:
        settings.CLAUDE_OAUTH_TOKEN_URL = f"http://127.0.0.1:{closed_port.getsockname()[1]}/"
        assert failure(row).message == "the token endpoint did not answer (ConnectError)"


@pytest.mark.parametrize("kind", ["row", "file"])
def test_ten_threads_make_one_call(endpoint: Emulator, row: Credential, path: Path, kind: str) -> None:
    credential = credential_of(row if kind == "row" else path)
    together = threading.Barrier(10)

    def refresh(_: int) -> None:
        together.wait()
        try:
            oauth.refresh(credential)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(10) as threads:
        list(threads.map(refresh, range(10)))

    assert endpoint.oauth.calls == 1


def test_a_fresh_end_without_a_token_is_refreshed(endpoint: Emulator) -> None:
    row = make_oauth(seconds_left=3600, access_token="")

    oauth.refresh(credential_of(row))

    assert endpoint.oauth.calls == 1


def in_background(work: Callable[[], object]) -> threading.Thread:
    thread = threading.Thread(target=work)
    thread.start()
    return thread


def test_somebody_who_saves_domain_and_credential_at_the_same_time_costs_no_token(
    endpoint: Emulator, row: Credential
) -> None:
    endpoint.oauth.responses.append(
        replace(json_response({**GRANT, "refresh_token": "next"}), head_pause=0.5)
    )
    credential = credential_of(row)

    def refresh() -> None:
        oauth.refresh(credential)
        connections.close_all()

    thread = in_background(refresh)
    while not endpoint.oauth.calls:
        time.sleep(0.01)
    with as_owner(), transaction.atomic():
        row.domain.name = "renamed.example"
        row.domain.save()
        Credential.objects.filter(pk=row.pk).update(name="renamed")
    thread.join()

    row.refresh_from_db()
    assert (row.name, row.access_token, row.refresh_token) == ("renamed", "sk-ant-oat01-new", "next")


def test_a_row_that_is_gone_or_unreadable_says_so(row: Credential) -> None:
    credential = credential_of(row)
    with as_owner(), connection.cursor() as cursor:
        cursor.execute("UPDATE accounts_credential SET refresh_token = 'of another key'")
    with pytest.raises(RefreshFailed, match="FIELD_ENCRYPTION_KEYS"):
        oauth.refresh(credential)

    with as_owner(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_credential")
    with pytest.raises(RefreshFailed, match="deleted"):
        oauth.refresh(credential)


def test_with_the_database_down_a_refresh_fails_and_asks_nobody(endpoint: Emulator, row: Credential) -> None:
    credential = credential_of(row)
    address = dict(connection.settings_dict)
    with free_socket() as closed_port:
        connections.close_all()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": closed_port.getsockname()[1]}
        with pytest.raises(RefreshFailed, match="the database does not answer"):
            oauth.refresh(credential)
        connection.settings_dict |= address

    assert endpoint.oauth.calls == 0


def test_a_file_that_is_gone_or_cannot_be_locked_asks_nobody(endpoint: Emulator, path: Path) -> None:
    credential = credential_of(path)
    path.unlink()
    with pytest.raises(RefreshFailed, match="cannot be read"):
        oauth.refresh(credential)

    missing = replace(credential, reference=str(path.parent / "none" / path.name))
    with pytest.raises(RefreshFailed, match="make its folder writable"):
        oauth.refresh(missing)
    assert endpoint.oauth.calls == 0


@pytest.mark.parametrize("kind", ["row", "file"])
def test_a_token_that_the_api_refused_is_renewed_before_its_end_once(
    endpoint: Emulator, row: Credential, path: Path, kind: str
) -> None:
    def now() -> AccessCredential:
        return credential_of(Credential.objects.get(pk=row.pk) if kind == "row" else path)

    oauth.refresh(now())
    refused = now()

    oauth.refresh(refused, rejected=True)
    oauth.refresh(refused, rejected=True)

    assert endpoint.oauth.calls == 2
    assert now().secret not in {"", refused.secret}


def test_no_token_is_in_a_failures_text_or_log(
    endpoint: Emulator, row: Credential, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.oauth.responses.append(json_response({"access_token": "sk-ant-oat01-marker", "expires_in": "x"}))

    failed = failure(row)

    assert "oauth.refresh_failed" in caplog.text
    assert "marker" not in caplog.text + str(failed)
    assert row.refresh_token not in caplog.text + str(failed)
