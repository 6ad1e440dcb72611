"""Refreshes that fail, are interrupted, or meet another one."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import OperationalError, connection
from django.db.models import QuerySet
from django.utils import timezone
from pytest_django import Settings

from accounts.credentials.files import locked
from accounts.models import Credential, accounts
from accounts.oauth import endpoint as oauth_endpoint
from accounts.oauth import metrics as oauth_metrics
from accounts.oauth import refresh as oauth
from accounts.oauth.refresh import RefreshFailed
from nexus_project import env
from nexus_project.demo.emulator import Emulator, Script
from nexus_project.demo.emulator.api.response import json_response
from nexus_project.demo.emulator.endpoints.oauth import refusal
from nexus_project.demo.serving import free_socket
from tests.accounts.oauth.test_refresh import credential_of, failure
from tests.roles import as_owner

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    "response",
    [
        refusal("invalid_request", "Missing: client_id"),
        refusal("invalid_client", "Unknown client", status=401),
        json_response([], status=400),
        json_response({"error": {"type": "rate_limit_error"}}, status=400),
        Script(400, (), (b"<html>",)),
        Script(500, (), (b"",)),
    ],
    ids=range(6),
)
def test_any_other_refusal_is_tried_again_after_a_growing_pause(
    endpoint: Emulator, row: Credential, response: Script
) -> None:
    endpoint.oauth.responses.extend([response, response])

    pauses = []
    for _ in range(2):
        assert not failure(row, forced=True).permanent
        row.refresh_from_db()
        assert (row.state, row.refreshing_since) == ("valid", None)
        assert row.retry_at
        pauses.append((row.retry_at - timezone.now()).total_seconds())
    assert "not tried again before" in failure(row).message
    assert endpoint.oauth.calls == 2
    assert 2 < pauses[0] <= 5 < pauses[1] + 0.1 <= 10.1

    oauth.refresh(credential_of(row), forced=True)
    row.refresh_from_db()
    assert (row.last_error, row.refresh_failures, row.retry_at) == ("", 0, None)


def test_an_invalid_grant_in_the_form_of_the_api_waits_for_a_login_too(
    endpoint: Emulator, row: Credential
) -> None:
    endpoint.oauth.responses.append(json_response({"error": {"type": "invalid_grant"}}, status=400))

    assert failure(row).permanent


def test_a_failure_about_a_token_that_was_replaced_meanwhile_marks_nothing(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def signed_in_meanwhile(refresh_token: str) -> oauth_endpoint.Tokens:
        with as_owner():
            Credential.objects.filter(pk=row.pk).update(refresh_token="sk-ant-ort01-of-a-person")
        raise RefreshFailed("invalid_grant", permanent=True)

    monkeypatch.setattr(oauth, "request_tokens", signed_in_meanwhile)

    failure(row)

    row.refresh_from_db()
    assert (row.state, row.last_error, row.refreshing_since) == ("valid", "", None)


def test_a_pair_that_comes_after_a_person_signed_in_is_dropped(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = oauth_endpoint.request_tokens

    def signed_in_meanwhile(refresh_token: str) -> oauth_endpoint.Tokens:
        with as_owner():
            Credential.objects.filter(pk=row.pk).update(refresh_token="sk-ant-ort01-of-a-person")
        return ask(refresh_token)

    monkeypatch.setattr(oauth, "request_tokens", signed_in_meanwhile)

    oauth.refresh(credential_of(row))

    row.refresh_from_db()
    assert (row.refresh_token, row.refreshing_since) == ("sk-ant-ort01-of-a-person", None)


def test_a_pair_is_saved_though_the_database_fails_for_a_moment(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    save, failures = Credential.save_tokens, [OperationalError("gone"), OperationalError("gone")]

    def failing(*given: Any) -> None:
        if failures:
            raise failures.pop()
        save(*given)

    monkeypatch.setattr(Credential, "save_tokens", failing)

    oauth.refresh(credential_of(row))

    row.refresh_from_db()
    assert row.access_token == endpoint.oauth.grants[0]["access_token"]


def test_a_pair_that_cannot_be_saved_is_told(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*given: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Credential, "save_tokens", failing)
    monkeypatch.setattr(oauth, "_SAVE_PAUSES", (0.0, 0.0))

    assert "could not be saved" in failure(row).message


KILLED = """
import os, django
django.setup()
from accounts.models import Credential
from accounts.oauth import refresh as oauth
from accounts.snapshot import credentials
oauth._keep = lambda *given: os._exit(9)
oauth.refresh(credentials.from_row(Credential.objects.get()))
"""


def test_a_process_killed_between_answer_and_save_is_reported(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    before = oauth_metrics.read()["interrupted"] or 0
    database = f"{env.secret('DATABASE_URL').rsplit('/', 1)[0]}/{connection.settings_dict['NAME']}"
    environment = env.child_environment(
        {
            "DATABASE_URL": database,
            "CLAUDE_OAUTH_TOKEN_URL": django_settings.CLAUDE_OAUTH_TOKEN_URL,
            "DJANGO_SETTINGS_MODULE": "nexus_project.settings.proxy",
        }
    )
    killed = subprocess.run([sys.executable, "-c", KILLED], env=environment, timeout=60, check=False)
    assert killed.returncode == 9
    row.refresh_from_db()
    assert row.refreshing_since
    with pytest.raises(oauth.Busy):
        oauth.refresh(credential_of(row), patient=False)

    monkeypatch.setattr(oauth, "LEASE_SECONDS", 0)
    monkeypatch.setattr(accounts, "LEASE_SECONDS", 0)
    failed = failure(row)

    row.refresh_from_db()
    assert "oauth.interrupted" in caplog.text
    assert failed.permanent  # the emulator takes each refresh token once, as the API does
    assert row.state == "needs_login"
    assert oauth_metrics.read()["interrupted"] == before + 1


def test_an_interrupted_refresh_of_a_file_is_reported(
    endpoint: Emulator, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path.with_name(f".{path.name}.refreshing").touch()

    oauth.refresh(credential_of(path))

    assert "oauth.interrupted" in caplog.text
    assert sorted(item.name for item in path.parent.iterdir()) == [f".{path.name}.lock", path.name]


def test_who_is_not_patient_leaves_a_file_to_the_other_process(endpoint: Emulator, path: Path) -> None:
    with locked(path), pytest.raises(oauth.Busy):
        oauth.refresh(credential_of(path), patient=False)
    assert endpoint.oauth.calls == 0


def test_an_answer_that_trickles_is_not_waited_for_for_ever(
    endpoint: Emulator, row: Credential, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(oauth_endpoint, "_MAX_BYTES", 5)

    assert failure(row).message == "the token endpoint did not answer (ReadTimeout)"


def test_refreshes_are_counted_over_all_processes(endpoint: Emulator, row: Credential) -> None:
    before = oauth_metrics.read()
    endpoint.oauth.responses.append(Script(500, (), (b"",)))
    failure(row)
    assert oauth_metrics.read()["currentFailedRefreshes"] == 1
    oauth.refresh(credential_of(row), forced=True)

    after = oauth_metrics.read()
    grown = {name: (after[name] or 0) - (before[name] or 0) for name in ("attempts", "successes", "failures")}
    assert grown == {"attempts": 2, "successes": 1, "failures": 1}
    assert (after["totalRefreshTime"] or 0) > (before["totalRefreshTime"] or 0)
    assert (after["currentActiveRefreshes"], after["currentFailedRefreshes"]) == (0, 0)


def test_without_redis_or_the_database_a_count_is_unknown_and_nothing_fails(
    endpoint: Emulator, row: Credential, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*given: Any) -> int:
        raise OperationalError("down")

    with free_socket() as closed_port:
        settings.REDIS_URL = f"redis://127.0.0.1:{closed_port.getsockname()[1]}/0"
    oauth.refresh(credential_of(row))
    monkeypatch.setattr(QuerySet, "count", down)

    assert set(oauth_metrics.read().values()) == {None}
