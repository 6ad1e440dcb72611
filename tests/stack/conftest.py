"""Folders for real servers, and the environment that the commands under test see."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import owned_folders, ports
from nexus_project.stack.supervision import addresses

# A stack that has none starts servers of its own.
NO_ADDRESSES = dict.fromkeys(("DATABASE_URL", "REDIS_URL", *addresses.NAMES), "")


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """A data folder that PostgreSQL's account can reach when root runs the tests (tmp_path it cannot)."""
    folder = owned_folders.make_temporary(owned_folders.DATA)
    yield folder
    owned_folders.remove_data_folder(folder)


@pytest.fixture
def run_dir(data_dir: Path) -> Path:
    folder = data_dir / "sockets"
    folder.mkdir()
    folder.chmod(0o711)
    return folder


@pytest.fixture
def closed_dir(tmp_path: Path) -> Iterator[Path]:
    """A data folder below one that nobody but its owner enters."""
    folder = tmp_path / "closed" / "data"
    folder.parent.mkdir(mode=0o700)
    folder.mkdir()
    yield folder
    owned_folders.remove_data_folder(folder)


@dataclass
class Commands:
    """Runs `python -m nexus_project.stack` with an environment of its own."""

    environment: dict[str, str] = field(default_factory=dict)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "nexus_project.stack", *arguments],
            cwd=BASE_DIR,
            env=env.child_environment(self.environment),
            capture_output=True,
            text=True,
            check=False,
            timeout=200,
        )


@pytest.fixture
def commands(data_dir: Path) -> Commands:
    return Commands(
        {
            "NEXUS_ENV_FILE": str(data_dir / ".env"),
            "NEXUS_DATA_DIR": str(data_dir),
            "PROXY_PORT": str(ports.free()),
            "DASHBOARD_PORT": str(ports.free()),
            **NO_ADDRESSES,
        }
    )


def owner_of_servers(data_dir: Path) -> psutil.Process:
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if {"nexus_project.stack.servers.owner", str(data_dir)} <= set(process.info["cmdline"] or [])
    ]
    return found


def pid_of(data_dir: Path, server: str) -> int:
    return int((data_dir / f"{server}.pid").read_text().split()[0])
