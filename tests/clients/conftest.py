"""A real client, a whole Nexus, and an API that says what it is told to say."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running, serve
from tests.clients import claude_code
from tests.clients.claude_code import ClaudeCode
from tests.clients.upstream import ReportedUpstream
from tests.flow.conftest import Nexus, systems


@pytest.fixture(scope="session")
def program() -> Path:
    return claude_code.install()


@pytest.fixture
def claude(program: Path, tmp_path: Path) -> ClaudeCode:
    return ClaudeCode(program, tmp_path)


@pytest.fixture(scope="module")
def upstream(program: Path) -> Iterator[Running[ReportedUpstream]]:
    """Asks for the program, so that nothing starts where it is missing."""
    with serve(ReportedUpstream(), http=ConnectionProtocol) as running:
        yield running


@pytest.fixture(scope="module")
def nexus(upstream: Running[ReportedUpstream], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nexus]:
    emulator: Running[Emulator] = Running(upstream.url, upstream.app)
    with systems(emulator, tmp_path_factory) as make:
        yield make()
