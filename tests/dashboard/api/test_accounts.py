"""`/api/accounts`: how each credential fares and what its account cost, and no secret."""

import json
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, cast

import pytest
import redis
from django.conf import LazySettings
from django.test import Client
from django.utils import timezone

from accounts.credentials import dead_tokens
from tests import people
from tests.accounts.people import make_api_key, make_oauth

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("rows_alone")]
CANARIES = tuple(
    f"sk-ant-canary-{place}-0000-wxyz" for place in ("row", "access", "refresh", "file", "environment")
)


def credentials(program: Client, query: str = "") -> list[dict[str, Any]]:
    listed: list[dict[str, Any]] = program.get(f"/api/accounts?{query}").json()["credentials"]
    return listed


def report(health: redis.Redis, number: int, later: int, before: int) -> None:
    """What proxies tell of a row."""
    gauges = {
        "unified-5h": [0.93, later],
        "unified-7d": [0.25, 0],
        "unified-7d_sonnet": [0.5, before],
        "requests": [0.1, later],
    }
    fields = {
        "gauges": json.dumps(gauges),
        "cooling_until": later,
        "cooling_reason": "5h",
        "used_at": before,
        "error": "429 with sk-ant-api03-leaked-by-mistake",
        "error_at": before,
    }
    health.hset(f"nexus:health:database:{number}", mapping=cast(Any, fields))


def moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def test_a_credential_has_its_state_its_windows_and_the_sums_of_its_account(
    program: Client, health: redis.Redis
) -> None:
    row = make_api_key("a.example", name="main", account_id="acc-1")
    later, before = round(time.time()) + 600, round(time.time()) - 5
    report(health, row.pk, later, before)
    people.make_exchange(account="acc-1", cost_usd=Decimal("0.5"))
    people.make_exchange(account="acc-1", outcome="upstream_error", status=529, cost_usd=Decimal("0.25"))
    people.make_exchange(account="acc-1", at=people.hours_ago(50))
    [found] = credentials(program)

    def moment(seconds: float) -> str:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"

    assert found == {
        "accountId": "acc-1",
        "requests": 2,
        "errors": 1,
        "costUsd": 0.75,
        "cost": "0.75",
        "costState": "exact",
        "name": "main",
        "source": "database",
        "domain": "a.example",
        "kind": "api_key",
        "state": "cooling down",
        "reason": "5h",
        "stateUntil": moment(later),
        "coolingUntil": moment(later),
        "coolingReason": "5h",
        "expiresAt": None,
        "lastUsedAt": moment(before),
        "lastError": "429 with sk-ant-****",
        "lastErrorAt": moment(before),
        "windows": [
            {
                "window": "requests",
                "model": None,
                "usedShare": 0.1,
                "resetsAt": moment(later),
                "fullAt": None,
            },
            {"window": "5h", "model": None, "usedShare": 0.93, "resetsAt": moment(later), "fullAt": None},
            {"window": "7d", "model": None, "usedShare": 0.25, "resetsAt": None, "fullAt": None},
            {"window": "7d_sonnet", "model": "sonnet", "usedShare": 0.0, "resetsAt": None, "fullAt": None},
        ],
    }
    assert credentials(program, "period=7d")[0]["requests"] == 3


def test_rows_files_and_the_environment_are_listed_with_what_ails_them(
    program: Client, settings: LazySettings, tmp_path: Path
) -> None:
    make_api_key("a.example", name="off", enabled=False)
    make_oauth("b.example", name="ended", refresh_token="")
    settings.CLAUDE_API_KEY = "sk-ant-api03-default"
    write(tmp_path, "c.example", {"type": "api_key", "accountId": "acc-c", "api_key": "sk-ant-api03-c"})
    write(tmp_path, "d.example", [])
    dead = write(tmp_path, "e.example", {"type": "oauth", "oauth": {"refreshToken": "r", "expiresAt": 1000}})
    dead_tokens.note(dead, "r", "invalid_grant")
    found = credentials(program)

    assert [
        (each["source"], each["domain"], each["name"], each["accountId"], each["state"]) for each in found
    ] == [
        ("database", "a.example", "off", "off", "disabled"),
        ("database", "b.example", "ended", "ended", "needs login"),
        ("file", "c.example", "c.example.credentials.json", "acc-c", "valid"),
        ("file", "d.example", "d.example.credentials.json", "d.example.credentials.json", "invalid"),
        ("file", "e.example", "e.example.credentials.json", "e.example.credentials.json", "needs login"),
        ("environment", None, "CLAUDE_API_KEY", "CLAUDE_API_KEY", "valid"),
    ]
    assert [each["reason"] is None for each in found] == [False, False, True, False, False, True]


def write(folder: Path, domain: str, document: object) -> Path:
    path = folder / f"{domain}.credentials.json"
    path.write_text(json.dumps(document))
    path.chmod(0o600)
    return path


def test_no_secret_is_in_it(
    program: Client, settings: LazySettings, tmp_path: Path, health: redis.Redis
) -> None:
    row_key, access, refresh, file_key, environment = CANARIES
    make_api_key("a.example", api_key=row_key)
    make_oauth("b.example", access_token=access, refresh_token=refresh, last_error=f"refused {access}")
    write(tmp_path, "c.example", {"type": "api_key", "api_key": file_key})
    settings.CLAUDE_API_KEY = environment
    health.hset(f"nexus:health:file:{tmp_path}/c.example.credentials.json", "error", f"no {file_key}")
    said = program.get("/api/accounts").content.decode()

    assert len(json.loads(said)["credentials"]) == 4
    assert [canary for canary in CANARIES if canary in said or canary[-12:] in said] == []
    assert "refused sk-ant-****" in said
    assert str(tmp_path) not in said  # a path of the server is nobody's business


def test_accounts_without_a_credential_are_listed_apart(program: Client) -> None:
    make_api_key("a.example", name="here")
    people.make_exchange(account="here")
    people.make_exchange(account="removed", cost_usd=Decimal(2))
    people.make_exchange(account="")
    others = program.get("/api/accounts").json()["others"]

    assert [(each["accountId"], each["requests"], each["cost"]) for each in others] == [
        ("", 1, "0.000216"),
        ("removed", 1, "2"),
    ]


def test_the_filter_is_of_domain_account_and_period(program: Client) -> None:
    for domain, name in (
        ("a.example", "one-account"),
        ("b.example", "two-account"),
        ("aa.example", "three-account"),
    ):
        make_api_key(domain, name=name)
    people.make_exchange(account="two-account", domain="b.example")
    people.make_exchange(account="two-account", domain="z.example")

    assert [each["domain"] for each in credentials(program, "domain=a.example")] == ["a.example"]
    assert [each["domain"] for each in credentials(program, "domain=a.ex")] == ["a.example", "aa.example"]
    assert [each["requests"] for each in credentials(program, "account=two-account")] == [2]
    assert [each["requests"] for each in credentials(program, "domain=b.example")] == [1]
    assert program.get("/api/accounts?model=m").status_code == 422


def test_without_redis_windows_are_not_known_and_states_are(program: Client, settings: LazySettings) -> None:
    make_api_key("a.example")
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    found = program.get("/api/accounts").json()

    assert found["redisAnswers"] is False
    assert [(each["state"], each["windows"]) for each in found["credentials"]] == [("valid", [])]


def test_a_token_that_ends_is_told(program: Client) -> None:
    row = make_oauth("a.example", seconds_left=3600, refresh_token="")
    [found] = credentials(program)

    assert (found["state"], found["stateUntil"]) == ("expiring", found["expiresAt"])
    assert row.expires_at is not None
    assert row.expires_at - timezone.now() < timedelta(hours=1)


def test_figures_alone_open_it(client: Client) -> None:
    client.force_login(people.reader("bob", "read_bodies"))
    assert client.get("/api/accounts").status_code == 403

    client.force_login(people.reader("ann", "view_figures"))
    assert client.get("/api/accounts").status_code == 200
