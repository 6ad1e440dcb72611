"""Both images, built once, and what runs from them."""

import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from nexus_project.demo.connection import ConnectionProtocol
from nexus_project.demo.emulator import Emulator, create_app
from nexus_project.demo.serving import Running, serve
from nexus_project.stack.machine import owned_folders, ports
from tests.docker.image import Builder, Image
from tests.flow.services import wait_for


@dataclass(frozen=True, slots=True)
class Container:
    """A process started from an image; `url` is where its published port is."""

    image: Image
    popen: subprocess.Popen[bytes]
    log: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def words(self) -> str:
        return self.log.read_text(errors="replace")

    def responds(self, path: str) -> bool:
        """Whether the path answers 200; fails at once when the process has ended."""
        assert self.popen.poll() is None, f"it ended with {self.popen.returncode}:\n{self.words()}"
        try:
            return httpx.get(self.url + path, timeout=2).status_code == 200
        except httpx.HTTPError:
            return False

    def wait_alive(self) -> None:
        wait_for(lambda: self.responds("/health/live"), 30, self.words)

    def healthy(self) -> bool:
        """What the image's HEALTHCHECK says."""
        check = [
            word.replace("3000", str(self.port)).replace("3001", str(self.port))
            for word in self.image.healthcheck
        ]
        return self.image.start(check, {}).wait(20) == 0

    def stop(self) -> int:
        """`docker stop`: SIGTERM, and the exit status."""
        if self.popen.poll() is None:
            self.popen.terminate()
        return self.popen.wait(40)


@pytest.fixture(scope="session")
def builder() -> Iterator[Builder]:
    # Not pytest's own folder: the images' user has to get through.
    folder = owned_folders.make_temporary(owned_folders.DATA)
    yield Builder(folder)
    owned_folders.remove(folder)


@pytest.fixture(scope="session")
def proxy_image(builder: Builder) -> Image:
    return builder.build("proxy")


@pytest.fixture(scope="session")
def dashboard_image(builder: Builder) -> Image:
    return builder.build("dashboard")


@pytest.fixture(scope="session")
def emulator() -> Iterator[Running[Emulator]]:
    with serve(create_app(), http=ConnectionProtocol) as running:
        yield running


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., Container]]:
    """`docker run`: a command of an image (its CMD by default) on a free port of this machine alone."""
    running: list[Container] = []

    def start(image: Image, environment: Mapping[str, str], command: list[str] | None = None) -> Container:
        port = ports.free()
        here = {"0.0.0.0": "127.0.0.1", "3000": str(port), "3001": str(port)}  # noqa: S104 - replaced, not bound to
        words = [here.get(word, word) for word in command or image.command]
        log = tmp_path / f"{len(running)}.log"
        running.append(Container(image, image.start(words, environment, log), log, port))
        return running[-1]

    yield start
    for container in reversed(running):
        container.stop()
