"""`manage.py deliveries`."""

import json
import uuid
from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django.fixtures import Settings

from proxy.store.notifications import post_queue, telemetry
from proxy.store.notifications.redis_link import connection


def run(*words: str) -> str:
    out = StringIO()
    call_command("deliveries", *words, stdout=out)
    return out.getvalue()


def test_what_was_counted_and_what_waits_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post_queue, "WAITING", f"nexus:slack:waiting:{uuid.uuid4()}:")
    for domain in ("a.example", "a.example", "b.example"):
        post_queue.put(domain, "id", {"text": "x"})
    connection().hset(post_queue.COUNTERS, mapping={"delivered": 3, "dropped": 1})
    connection().hset(telemetry.COUNTERS, mapping={"failed": 2})

    assert json.loads(run("--json")) == {
        "slack": {"delivered": 3, "failed": 0, "dropped": 1, "waiting": 3},
        "telemetry": {"delivered": 0, "failed": 2},
    }
    assert run() == ("slack: 3 delivered, 0 failed, 1 dropped, 3 waiting\ntelemetry: 0 delivered, 2 failed\n")


def test_without_redis_it_says_what_to_do(settings: Settings) -> None:
    settings.REDIS_URL = ""

    with pytest.raises(CommandError, match="bring it back or set REDIS_URL"):
        run()
