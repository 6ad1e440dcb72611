"""A credential that needs a login is reported to the operators once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.credentials import dead_tokens
from accounts.models import Credential
from proxy.store import tasks
from proxy.store.notifications import post_queue
from proxy.store.notifications.losses import OPERATORS
from proxy.store.notifications.redis_link import connection
from tests.accounts.people import make_api_key, make_oauth
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def reported(settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[list[str]]:
    """The queue of the operators, and nobody who sends it."""
    settings.CREDENTIALS_DIR = tmp_path
    settings.SLACK_ENABLED = True
    settings.SLACK_WEBHOOK_URL = "https://hooks.slack.com/services/x"
    asked: list[str] = []
    monkeypatch.setattr("proxy.store.notifications.tasks.deliver_slack.delay", asked.append)
    yield asked
    connection().delete(post_queue._queue(OPERATORS), *connection().scan_iter("nexus:login_told:*"))


def posts() -> list[str]:
    return [str(post) for post in connection().lrange(post_queue._queue(OPERATORS), 0, -1)]


def fail(row: Credential) -> None:
    with as_owner():
        row.save_failure("invalid_grant", permanent=True)


def test_it_is_told_once_and_again_after_it_worked(reported: list[str]) -> None:
    row, other = make_oauth("dead.example"), make_oauth("off.example", enabled=False)
    make_oauth("fine.example")
    make_api_key()
    fail(row)
    fail(other)

    tasks.watch_logins()
    tasks.watch_logins()

    assert reported == [OPERATORS]
    (post,) = posts()
    assert "main (dead.example)" in post
    assert "oauth_login" in post
    assert "off.example" not in post
    assert "sk-ant" not in post

    with as_owner():
        row.save_tokens("a", "b", timezone.now(), [])
    fail(row)
    tasks.watch_logins()
    assert len(posts()) == 2


def test_without_a_webhook_it_waits_until_somebody_hears_it(settings: Settings) -> None:
    settings.SLACK_WEBHOOK_URL = ""
    fail(make_oauth())

    tasks.watch_logins()
    assert posts() == []

    settings.SLACK_WEBHOOK_URL = "https://hooks.slack.com/services/x"
    tasks.watch_logins()
    assert len(posts()) == 1


def put(folder: Path, token: str) -> Path:
    path = folder / "dead.example.credentials.json"
    path.write_text(json.dumps({"type": "oauth", "oauth": {"refreshToken": token}}))
    return path


def test_a_file_is_told_once_and_again_with_another_token(reported: list[str], tmp_path: Path) -> None:
    for token in ("sk-ant-ort01-first", "sk-ant-ort01-second"):
        dead_tokens.note(put(tmp_path, token), token, "invalid_grant")
        tasks.watch_logins()
        tasks.watch_logins()

    assert reported == [OPERATORS] * 2
    for post in posts():
        assert "dead.example.credentials.json" in post
        assert "--file PATH" in post
        assert "sk-ant" not in post


def test_a_file_that_a_dying_worker_claimed_is_told_by_the_next(
    reported: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead_tokens.note(put(tmp_path, "sk-ant-ort01-x"), "sk-ant-ort01-x", "invalid_grant")

    def die(*words: object) -> None:
        raise ConnectionError("gone")

    with monkeypatch.context() as patched:
        patched.setattr(post_queue, "put", die)
        with pytest.raises(ConnectionError):
            tasks.watch_logins()
    (key,) = connection().scan_iter("nexus:login_told:*")
    assert 0 < connection().ttl(key) <= 60
    connection().delete(key)  # as it ends by itself
    tasks.watch_logins()

    assert len(posts()) == 1
    assert connection().ttl(key) > 300 * 86_400


def test_without_the_folder_only_rows_are_told(settings: Settings, tmp_path: Path) -> None:
    settings.CREDENTIALS_DIR = tmp_path / "not-mounted"
    fail(make_oauth("dead.example"))

    tasks.watch_logins()

    assert len(posts()) == 1
