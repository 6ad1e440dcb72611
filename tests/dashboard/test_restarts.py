"""A service that ends again and again is named on the overview."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from proxy import restarts
from proxy.restarts import Restarts

pytestmark = pytest.mark.django_db


def overview(client: Client) -> str:
    return client.get("/dashboard").content.decode()


def test_the_overview_names_what_ends_again_and_again_until_it_runs(
    signed_in: Client, settings: Settings, tmp_path: Path
) -> None:
    settings.NEXUS_DATA_DIR = tmp_path
    assert "started again" not in overview(signed_in)

    ended_at = datetime.now(UTC) - timedelta(minutes=5)
    restarts.note(tmp_path, Restarts("worker", 4, ended_at, 16.0))
    page = overview(signed_in)

    assert "The worker ended 4 times</strong>, the last" in page
    assert "5m ago" in page
    assert "it is started again 16 s after that" in page
    restarts.forget(tmp_path, "worker")
    assert "started again" not in overview(signed_in)


def test_what_cannot_be_read_or_written_breaks_nothing(tmp_path: Path) -> None:
    restarts.note(tmp_path / "missing", Restarts("worker", 1, datetime.now(UTC), 0))
    restarts.forget(tmp_path / "missing", "worker")
    (tmp_path / restarts.FOLDER).mkdir()
    (tmp_path / restarts.FOLDER / "worker.json").write_text("{")

    assert restarts.read(tmp_path) == []
