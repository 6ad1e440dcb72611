"""A credential that needs a login is told to the operators once."""

from collections.abc import Iterator

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential
from proxy.store import tasks
from proxy.store.notifications import outbox
from proxy.store.notifications.losses import OPERATORS
from proxy.store.notifications.redis_link import connection
from tests.accounts.people import make_api_key, make_oauth
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def told(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The queue of the operators, and nobody who sends it."""
    settings.SLACK_ENABLED = True
    settings.SLACK_WEBHOOK_URL = "https://hooks.slack.com/services/x"
    asked: list[str] = []
    monkeypatch.setattr("proxy.store.notifications.tasks.deliver_slack.delay", asked.append)
    yield asked
    connection().delete(outbox._queue(OPERATORS))


def posts() -> list[str]:
    return [str(post) for post in connection().lrange(outbox._queue(OPERATORS), 0, -1)]


def fail(row: Credential) -> None:
    with as_owner():
        row.save_failure("invalid_grant", permanent=True)


def test_it_is_told_once_and_again_after_it_worked(told: list[str]) -> None:
    row, other = make_oauth("dead.example"), make_oauth("off.example", enabled=False)
    make_oauth("fine.example")
    make_api_key()
    fail(row)
    fail(other)

    tasks.watch_logins()
    tasks.watch_logins()

    assert told == [OPERATORS]
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
