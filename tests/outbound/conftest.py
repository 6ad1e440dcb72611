from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from nexus_project.demo.emulator import Emulator
from tests import outside
from tests.outside import Outside


@pytest.fixture(autouse=True)
def _quiet_network(settings: Settings) -> None:
    """No test sees the proxies and certificates of the machine that it runs on."""
    settings.UPSTREAM_PROXY = settings.HTTPS_PROXY = settings.NO_PROXY = settings.SSL_CERT_FILE = ""


@pytest.fixture
def api(settings: Settings, tmp_path: Path) -> Iterator[Outside]:
    """The API as the outside world has it, and its authority trusted."""
    with outside.serve(Emulator(), tmp_path) as running:
        settings.SSL_CERT_FILE = str(running.ca_file)
        settings.CLAUDE_API_BASE_URL = running.url
        yield running
