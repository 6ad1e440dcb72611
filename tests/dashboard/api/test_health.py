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
    response = client.get("/health")

    assert response.status_code == 200
    assert response.json() | {"timestamp": ""} == {
        "status": "healthy",
        "service": "claude-nexus-dashboard",
        "version": settings.VERSION,
        "timestamp": "",
        "database": "connected",
    }


def test_ready_once_the_database_is_migrated(client: Client) -> None:
    response = client.get("/health/ready")

    assert (response.status_code, response.json()["ready"]) == (200, True)


def test_not_ready_while_a_migration_is_missing(client: Client) -> None:
    with as_owner():
        MigrationRecorder.Migration.objects.filter(app="proxy").delete()

    response = client.get("/health/ready")

    assert (response.status_code, response.json()["ready"]) == (503, False)


def test_alive_whatever_the_database_does(client: Client, no_database: None) -> None:
    response = client.get("/health/live")

    assert (response.status_code, response.json()["alive"]) == (200, True)


def test_without_a_database_health_is_red(client: Client, no_database: None) -> None:
    health_response, ready_response = client.get("/health"), client.get("/health/ready")

    assert (health_response.status_code, health_response.json()["database"]) == (503, "disconnected")
    assert (ready_response.status_code, ready_response.json()["ready"]) == (503, False)


def test_without_a_database_a_page_says_what_to_check(signed_in: Client, no_database: None) -> None:
    response = signed_in.get("/dashboard")

    assert response.status_code == 503
    assert b"Check DATABASE_URL" in response.content


def test_without_a_database_the_api_says_it_in_json(program: Client, no_database: None) -> None:
    response = program.get("/api/stats")

    assert response.status_code == 503
    assert "DATABASE_URL" in response.json()["error"]["message"]


def test_another_failure_is_a_page_of_its_own(signed_in: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    signed_in.raise_request_exception = False
    monkeypatch.setattr("dashboard.pages.overview.view.courses", lambda *_: 1 / 0)

    response = signed_in.get("/dashboard")

    assert response.status_code == 500
    assert b"Something failed" in response.content


def test_a_foreign_host_is_refused(client: Client) -> None:
    response = client.get("/health", headers={"host": "evil.example"})

    assert response.status_code == 400
    assert b"DASHBOARD_URL" in response.content
