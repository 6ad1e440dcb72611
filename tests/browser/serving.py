"""A daphne of its own on any database, and the Chromium of this machine that looks at it."""

import shutil
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from nexus_project import env
from tests import addresses

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
_APPLICATION = "nexus_project.asgi.dashboard:application"


@contextmanager
def dashboard(owners: str) -> Iterator[str]:
    """Its address while the context is open; it signs in to the database of the owner's address by its own role."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        values = {
            "DATABASE_URL": addresses.address(owners, "dashboard"),
            "DJANGO_SETTINGS_MODULE": "nexus_project.settings.test",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "daphne", "-v", "0", "--fd", str(listener.fileno()), _APPLICATION],
            env=env.child_environment(values),
            pass_fds=[listener.fileno()],
        )
        try:
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            _wait_for(f"{base}/health/live")
            yield base
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(url: str) -> None:
    """The listener exists already, so that the first request waits for daphne instead of failing."""
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310 - our own address
        assert response.status == 200
