import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from celery.signals import after_task_publish
from pytest_django.fixtures import Settings

import nexus_project.celery  # noqa: F401 - tasks are published through its app
from nexus_project.demo import slack as demo
from proxy.store.notifications import post_queue, telemetry
from proxy.store.notifications.redis_link import connection


@pytest.fixture
def domain() -> str:
    """A domain that no other test uses, so that nothing in Redis is shared."""
    return f"{uuid.uuid4().hex}.example.com"


@pytest.fixture(autouse=True)
def quiet(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens until a test says so, and each test counts for itself."""
    monkeypatch.setattr(post_queue, "COUNTERS", f"nexus:slack:{uuid.uuid4()}")
    monkeypatch.setattr(telemetry, "COUNTERS", f"nexus:telemetry:{uuid.uuid4()}")
    settings.SLACK_WEBHOOK_URL = ""
    settings.SLACK_ENABLED = False
    settings.SLACK_CHANNEL = ""
    settings.SLACK_USERNAME = "Claude Nexus Proxy"
    settings.SLACK_ICON_EMOJI = ":robot_face:"
    settings.TELEMETRY_ENDPOINT = ""
    settings.CREDENTIALS_DIR = tmp_path


@pytest.fixture
def slack(settings: Settings) -> Iterator[demo.RunningSlack]:
    """A local Slack that may be posted to; no domain does yet."""
    with demo.serve() as running:
        settings.SLACK_CA_FILE = str(running.ca_file)
        settings.SLACK_ALLOW_PRIVATE_ADDRESSES = True
        # An earlier test's Slack may have had the same port.
        connection().delete(post_queue._hold_key(running.webhook_url))
        yield running


@pytest.fixture
def global_slack(slack: demo.RunningSlack, settings: Settings) -> demo.RunningSlack:
    """The same, with its webhook as the global one."""
    settings.SLACK_WEBHOOK_URL = slack.webhook_url
    settings.SLACK_ENABLED = True
    return slack


def posted(slack: demo.RunningSlack) -> list[dict[str, Any]]:
    return [json.loads(entry.body) for entry in slack.posts]


def counted() -> dict[str, int]:
    return {str(name): int(value) for name, value in connection().hgetall(post_queue.COUNTERS).items()}


def write_credential_file(folder: Path, domain: str, slack: object) -> None:
    content = {"type": "api_key", "api_key": "sk-ant-api03-planted", "slack": slack}
    (folder / f"{domain}.credentials.json").write_text(json.dumps(content))


@dataclass(frozen=True, slots=True)
class Published:
    """A task as it went to the broker; `body` is its arguments."""

    name: str
    queue: str
    args: list[Any]
    is_later: bool


@pytest.fixture
def published() -> Iterator[list[Published]]:
    """The tasks that a test published, which went to the real broker."""
    found: list[Published] = []

    def collect(sender: str, body: Any, headers: dict[str, Any], routing_key: str, **rest: object) -> None:
        found.append(Published(sender, routing_key, list(body[0]), headers["eta"] is not None))

    after_task_publish.connect(collect)
    yield found
    after_task_publish.disconnect(collect)
