"""Health without sign-in, and outages that say what to do."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from dashboard.api import health
from tests.roles import as_owner

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def forget_migrations() -> Iterator[None]:
    health.assert_migrated.cache_clear()
    yield
    health.assert_migrated.cache_clear()


@pytest.fixture
def no_database(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OperationalError("connection refused")

    monkeypatch.setattr(connection, "cursor", refuse)


def test_health_names_the_service_and_its_database(client: Client, settings: Any) -> None:
    answer = client.get("/health")

    assert answer.status_code == 200
    assert answer.json() | {"timestamp": ""} == {
        "status": "healthy",
        "service": "claude-nexus-dashboard",
        "version": settings.VERSION,
        "timestamp": "",
        "database": "connected",
    }


def test_ready_once_the_database_is_migrated(client: Client) -> None:
    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["ready"]) == (200, True)


def test_not_ready_while_a_migration_is_missing(client: Client) -> None:
    with as_owner():
        MigrationRecorder.Migration.objects.filter(app="proxy").delete()

    answer = client.get("/health/ready")

    assert (answer.status_code, answer.json()["ready"]) == (503, False)


def test_alive_whatever_the_database_does(client: Client, no_database: None) -> None:
    answer = client.get("/health/live")

    assert (answer.status_code, answer.json()["alive"]) == (200, True)


def test_without_a_database_health_is_red(client: Client, no_database: None) -> None:
    health_answer, ready_answer = client.get("/health"), client.get("/health/ready")

    assert (health_answer.status_code, health_answer.json()["database"]) == (503, "disconnected")
    assert (ready_answer.status_code, ready_answer.json()["ready"]) == (503, False)


def test_without_a_database_a_page_says_what_to_check(signed_in: Client, no_database: None) -> None:
    answer = signed_in.get("/dashboard")

    assert answer.status_code == 503
    assert b"Check DATABASE_URL" in answer.content


def test_without_a_database_the_api_says_it_in_json(program: Client, no_database: None) -> None:
    answer = program.get("/api/stats")

    assert answer.status_code == 503
    assert "DATABASE_URL" in answer.json()["error"]["message"]


def test_another_failure_is_a_page_of_its_own(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in.raise_request_exception = False
    monkeypatch.setattr("dashboard.queries.figures.last_day", lambda: 1 / 0)

    answer = signed_in.get("/dashboard")

    assert answer.status_code == 500
    assert b"Something failed" in answer.content


def test_a_foreign_host_is_refused(client: Client) -> None:
    answer = client.get("/health", headers={"host": "evil.example"})

    assert answer.status_code == 400
    assert b"DASHBOARD_URL" in answer.content
