"""A credential file whose refresh token is dead asks nobody any more, until it holds another one."""

import json
from pathlib import Path
from typing import NoReturn

import pytest

from accounts.credentials import dead_tokens
from accounts.credentials.files import read
from accounts.oauth import refresh as oauth
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.emulator.endpoints.oauth import refusal
from tests.accounts.oauth.test_refresh import credential_of, failure

pytestmark = pytest.mark.django_db(transaction=True)


def beside(path: Path) -> Path:
    return path.with_name(f".{path.name}.needs_login")


def put_token(path: Path, token: str) -> None:
    data = json.loads(path.read_text())
    data["oauth"]["refreshToken"] = token
    path.write_text(json.dumps(data))


def test_the_endpoint_is_asked_once_and_again_for_another_token(endpoint: Emulator, path: Path) -> None:
    endpoint.oauth.responses.append(refusal("invalid_grant", "Refresh token not found"))
    token = read(path).refresh_token

    first, second = failure(path), failure(path, forced=True)

    assert (first.permanent, second.permanent, first.message) == (True, True, second.message)
    assert endpoint.oauth.calls == 1
    kept = beside(path).read_text()
    assert beside(path).stat().st_mode & 0o777 == 0o600
    assert token not in kept
    assert set(json.loads(kept)) == {"digest", "why", "since"}

    put_token(path, "sk-ant-ort01-of-a-new-login")
    oauth.refresh(credential_of(path))
    assert endpoint.oauth.calls == 2
    assert not beside(path).exists()


def test_a_passing_failure_leaves_no_note(endpoint: Emulator, path: Path) -> None:
    endpoint.oauth.responses.append(refusal("server_error", "later", status=500))

    assert not failure(path).permanent
    assert not beside(path).exists()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"digest": "x"}', b"\xff"])
def test_a_note_that_cannot_be_read_is_none(endpoint: Emulator, path: Path, content: bytes) -> None:
    beside(path).write_bytes(content)

    assert dead_tokens.find(path, read(path).refresh_token) is None
    oauth.refresh(credential_of(path))
    assert not beside(path).exists()


def test_a_login_during_the_call_is_not_spoilt(
    endpoint: Emulator, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sign_in_meanwhile(token: str) -> NoReturn:
        put_token(path, "sk-ant-ort01-of-a-new-login")
        raise oauth.RefreshFailed("invalid_grant", permanent=True)

    with monkeypatch.context() as patched:
        patched.setattr(oauth, "request_tokens", sign_in_meanwhile)
        failure(path)

    assert dead_tokens.find(path, read(path).refresh_token) is None
    oauth.refresh(credential_of(path))
    assert endpoint.oauth.calls == 1
