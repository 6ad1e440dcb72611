"""`manage.py cooldowns`."""

import json
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from pytest_django import Settings

from accounts.credentials import health as credential_health
from nexus_project.demo.serving import free_socket
from tests.accounts.credentials.test_files import API_KEY, written
from tests.accounts.people import make_api_key

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _alone(settings: Settings, tmp_path: Path) -> None:
    settings.CREDENTIALS_DIR, settings.CLAUDE_API_KEY = tmp_path, ""


def run(*words: str) -> str:
    out = StringIO()
    call_command("cooldowns", *words, stdout=out)
    return out.getvalue()


def shown(*words: str) -> list[dict[str, Any]]:
    return list(json.loads(run(*words, "--json"))["credentials"])


def cool(key: str, seconds: float) -> None:
    until = time.time() + seconds
    credential_health.exchange({key: {"cooling_until": until, "cooling_reason": "429"}}, [])


def test_what_cools_down_is_shown_and_ended_rows_and_files_alike(tmp_path: Path) -> None:
    row = f"database:{make_api_key().pk}"
    file = f"file:{written(tmp_path, API_KEY, 'c.example.credentials.json')}"
    for key in (row, file):
        cool(key, 60)

    assert [
        (shown_row["domain"], shown_row["key"], shown_row["reason"], shown_row["ended"])
        for shown_row in shown()
    ] == [
        ("a.example", row, "429", False),
        ("c.example", file, "429", False),
    ]
    assert "c.example" in run("c.example", "--end")
    assert [shown_row["domain"] for shown_row in shown()] == ["a.example"]
    assert credential_health.read([file])[file].cooling_until == 0
    assert [shown_row["ended"] for shown_row in shown("--end")] == [True]
    assert run() == "No credential cools down.\n"
    assert shown() == []


def test_what_cooled_down_is_over_by_itself() -> None:
    cool(f"database:{make_api_key().pk}", -1)

    assert shown() == []


def test_without_redis_it_says_what_to_do(settings: Settings) -> None:
    make_api_key()
    with free_socket() as closed:
        settings.REDIS_URL = f"redis://127.0.0.1:{closed.getsockname()[1]}/0"
    with pytest.raises(CommandError, match="bring it back"):
        run()

    settings.REDIS_URL = ""
    with pytest.raises(CommandError, match="set REDIS_URL"):
        run()
