"""A counter is a line of the table and a migration: everything that sums it up, answers with it or shows it follows."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg
import pytest

from nexus_project import env

FOLDERS = ("accounts", "dashboard", "nexus_project", "proxy", "tests")
LINE = """    Metric("thinking_tokens", "Thinking", Unit.TOKENS, "Of the output", column("thinking_tokens"), cards=("Thinking",)),
    Metric("response_bytes", "Received", Unit.BYTES, "The size of responses", column("response_bytes")),
)

BY_NAME"""
USE = """
import json
from django.conf import settings
from django.db import connection
from django.test import Client
from django.utils import timezone
from proxy.store.ingest import batch
from proxy.store.models import Conversation, DayRollup, DomainTotal, Exchange, Rollup
from proxy.store.rebuilding import rollups
from tests.store.records import make_batch, make_head, make_record, say

def record(serial, thinking):
    usage = {"input_tokens": 1, "output_tokens": 50000, "output_tokens_details": {"thinking_tokens": thinking}}
    return make_record(response=say(usage=usage), head=make_head(timezone.now()), serial=serial)

batch.ingest(make_batch(record(1, 12000), record(2, 345), make_record(head=make_head(timezone.now()), serial=3)))
sums = [list(model.objects.values_list("thinking_tokens", flat=True)) for model in (Rollup, DayRollup, DomainTotal)]
Rollup.objects.update(thinking_tokens=0)
corrections = [hour.sums for hour in rollups.rebuild(rollups.Asked()).hours]
client = Client(SERVER_NAME="localhost", headers={"X-API-Key": settings.DASHBOARD_API_KEY})
client.post("/dashboard/login", {"key": settings.DASHBOARD_API_KEY})
first = Exchange.objects.get(thinking_tokens=12000)
paths = ("/dashboard", "/dashboard/usage", f"/dashboard/request/{first.pk}")
pages = [client.get(path).content.decode() for path in paths]
(talk,) = Conversation.objects.all()
described = [
    client.get(path).json()
    for path in (f"/api/requests/{first.pk}", f"/api/conversations/{talk.pk}", f"/api/conversations/{talk.pk}/export?format=json")
]
listed = {row["requestId"]: row for row in client.get("/api/requests").json()["requests"]}[str(first.pk)]
export = client.get(f"/api/conversations/{talk.pk}/export").content.decode()
days = list(DayRollup.objects.values_list("thinking_tokens", flat=True))
print(json.dumps([sums, corrections, days, client.get("/api/stats").json(), pages, listed, described, export]))
"""


@pytest.fixture
def database() -> Iterator[str]:
    address = env.secret("DATABASE_URL")
    name = f"metric_{uuid4().hex[:12]}"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}".encode())
        yield urlsplit(address)._replace(path=f"/{name}").geturl()
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The code as it is, where it may be changed."""
    for folder in FOLDERS:
        shutil.copytree(
            env.BASE_DIR / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__")
        )
    shutil.copy(env.BASE_DIR / "manage.py", tmp_path)
    return tmp_path


def run(clone: Path, database: str, *arguments: str) -> bytes:
    settings = {"DATABASE_URL": database, "DJANGO_SETTINGS_MODULE": "nexus_project.settings.test"}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=clone,
        env=env.child_environment(settings | {"PYTHONDONTWRITEBYTECODE": "1"}),
        check=True,
        stdout=subprocess.PIPE,
    ).stdout


def changed(clone: Path) -> list[str]:
    """The modules that are not as they were."""
    names = [path.relative_to(clone) for path in clone.rglob("*.py")]
    before = [env.BASE_DIR / name for name in names]
    return sorted(
        str(name)
        for name, path in zip(names, before, strict=True)
        if not path.exists() or path.read_bytes() != (clone / name).read_bytes()
    )


def test_a_counter_that_is_a_line_and_a_migration_is_summed_up_answered_with_and_shown(
    clone: Path, database: str
) -> None:
    run(clone, database, "manage.py", "migrate", "-v0")
    table = clone / "proxy" / "metrics.py"
    table.write_text(table.read_text().replace(")\n\nBY_NAME", LINE, 1))
    run(clone, database, "manage.py", "makemigrations", "proxy", "--name", "thinking", "-v0")
    assert [name.partition("/00")[0] for name in changed(clone)] == [
        "proxy/metrics.py",
        "proxy/store/migrations",
    ]
    run(clone, database, "manage.py", "migrate", "-v0")

    found: list[Any] = json.loads(run(clone, database, "manage.py", "shell", "--no-imports", "-c", USE))

    sums, corrections, days, stats, (_, usage, request), listed, described, export = found
    assert sums == [[12345]] * 3
    assert (corrections, days) == ([{"thinking_tokens": 12345}], [12345])
    assert stats["totalThinkingTokens"] == 12345
    assert [*stats] == [*STATS[:8], "totalThinkingTokens", "totalResponseBytes", *STATS[8:]]
    assert '<h2 title="Of the output">Thinking</h2><p class="figure" title="12,345 tokens">12.3K</p>' in usage
    assert '<th scope="col" class="number" title="Of the output">Thinking</th>' in usage
    assert '<td class="number">12,345</td>' in usage
    assert '<div title="Of the output"><dt>Thinking</dt><dd>12,000</dd></div>' in request
    assert '<div title="The size of responses"><dt>Received</dt><dd>' in request
    assert_described(listed, *described)
    assert "12,000 thinking" in export


def assert_described(listed: Any, details: Any, talk: Any, exported: Any) -> None:
    """One request has both counters, wherever it is described."""
    turns = [turn for turn in talk["turns"] + exported["turns"] if turn["requestId"] == listed["requestId"]]
    assert len(turns) == 2
    assert listed["responseBytes"] > 0
    for shape in (listed, details, *turns):
        assert (shape["thinkingTokens"], shape["responseBytes"]) == (12000, listed["responseBytes"])


# In the order in which clients have always got them.
STATS = (
    "totalRequests",
    "totalTokens",
    "totalInputTokens",
    "totalOutputTokens",
    "totalCacheCreationTokens",
    "totalCacheReadTokens",
    "averageResponseTime",
    "errorCount",
    "activeDomains",
    "requestsByModel",
    "requestsByType",
    "totalCostUsd",
    "totalCost",
    "costState",
    "unpricedRequests",
    "partialRequests",
    "notionalRequests",
    "since",
)
