"""What compose.yaml starts, from the images, with the secrets of make-secrets.sh: one exchange goes all the way."""

import json
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from nexus_project import env
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from nexus_project.env import BASE_DIR
from tests import addresses
from tests.docker import composition
from tests.docker.conftest import Container
from tests.docker.image import Image
from tests.flow.conftest import make_database
from tests.flow.services import wait_for

pytestmark = pytest.mark.timeout(300)  # the first test builds the images
SERVICES = composition.services(DASHBOARD_URL="http://localhost:3001")
UP_SECONDS = 4
CREDENTIAL = {"type": "api_key", "api_key": "sk-ant-api03-composed", "client_api_key": "cnp_live_composed"}
HEADERS = {"host": "composed.example", "anthropic-version": "2023-06-01", "x-api-key": "cnp_live_composed"}
QUESTION = {"model": "claude-sonnet-5", "max_tokens": 20, "messages": [{"role": "user", "content": "hello"}]}


@dataclass(frozen=True, slots=True)
class Composition:
    """Starts services of compose.yaml; `database` is the owner's URL of theirs, migrated by the `migrate` service."""

    images: dict[str, Image]
    run: Callable[..., Container]
    database: str

    def up(self, name: str, **environment: str) -> Container:
        image, service = self._image(name), SERVICES[name]
        return self.run(image, {**service["environment"], **environment}, service.get("command"))

    def healthy(self, name: str) -> bool:
        """What the service's own healthcheck says."""
        kind, words = SERVICES[name]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        environment = {**SERVICES[name]["environment"], "HOSTNAME": socket.gethostname()}
        return self._image(name).start(["/bin/sh", "-c", words], environment).wait(60) == 0

    def _image(self, name: str) -> Image:
        return self.images[SERVICES[name]["image"].partition(":")[0]]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What docker/make-secrets.sh writes, with the addresses of the suite's servers."""
    clone = tmp_path_factory.mktemp("clone")
    (clone / "docker").mkdir()
    script = shutil.copy2(BASE_DIR / "docker/make-secrets.sh", clone / "docker")
    subprocess.run([script], check=True, capture_output=True)
    made = {path.name: path.read_text() for path in (clone / "secrets").iterdir()}
    redis_url = f"{env.secret('REDIS_URL').rsplit('/', 1)[0]}/15"
    owner = make_database()
    own = {}
    for service in ("proxy", "worker", "dashboard"):
        own[f"{service}_database_url"] = addresses.address(owner, service)
        # The roles are of the whole server: a fresh password would lock out the suite's other systems.
        own[f"{service}_db_password"] = addresses.password(addresses.BY_SERVICE[service])
    return {**made, **own, "database_url": owner, "redis_url": redis_url}


@pytest.fixture
def system(
    proxy_image: Image, dashboard_image: Image, run: Callable[..., Container], secrets: dict[str, str]
) -> Composition:
    images = {"claude-nexus-proxy": proxy_image, "claude-nexus-dashboard": dashboard_image}
    for image in images.values():
        mount(secrets, image)
    started = Composition(images, run, secrets["database_url"])
    for name in ("migrate", "roles"):
        once = started.up(name)
        assert once.popen.wait(60) == 0, once.words()
    addresses.note_writers(started.database)
    return started


def mount(secrets: dict[str, str], image: Image) -> None:
    folder = Path(image.inside("/run/secrets"))
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in secrets.items():
        (folder / name).write_text(content)


@pytest.fixture
def credential_file(proxy_image: Image) -> Iterator[Path]:
    path = proxy_image.data_dir / "credentials" / "composed.example.credentials.json"
    path.write_text(json.dumps(CREDENTIAL))
    if proxy_image.runs_as.account:
        proxy_image.runs_as.account.owns(path)
    yield path
    path.unlink()


def rows(database: str, exchange_id: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(database) as connection:
        query = "SELECT outcome, domain FROM proxy_exchange WHERE id = %s"
        return connection.execute(query, [exchange_id]).fetchall()


def test_an_exchange_goes_from_the_proxys_door_into_postgresql(
    system: Composition, emulator: Running[Emulator], credential_file: Path
) -> None:
    proxy = system.up("proxy", CLAUDE_API_BASE_URL=emulator.url)
    worker = system.up("worker")
    proxy.wait_alive()

    response = httpx.post(f"{proxy.url}/v1/messages", json=QUESTION, headers=HEADERS, timeout=20)

    assert response.status_code == 200, response.text
    exchange = response.headers["x-nexus-id"]
    wait_for(lambda: rows(system.database, exchange), 20, lambda: proxy.words() + worker.words())
    assert rows(system.database, exchange) == [("complete", "composed.example")]
    assert addresses.signed_in_as(system.database, proxy.popen.pid) == {"nexus_proxy"}
    assert addresses.writers(system.database) == {"nexus_worker"}


def test_the_worker_stays_up_and_its_healthcheck_follows_it(system: Composition) -> None:
    worker = system.up("worker")

    wait_for(lambda: system.healthy("worker"), 40, worker.words)
    stays_up(worker)
    worker.stop()

    assert not system.healthy("worker")


def test_beat_stays_up_and_keeps_its_schedule_on_the_volume(system: Composition) -> None:
    beat = system.up("beat")

    stays_up(beat)

    assert list((beat.image.data_dir / "beat").iterdir())


def test_the_dashboard_answers_as_healthy(system: Composition) -> None:
    dashboard = system.up("dashboard")

    dashboard.wait_alive()

    assert dashboard.responds("/health/ready"), dashboard.words()
    assert dashboard.healthy()
    assert httpx.get(f"{dashboard.url}/", timeout=5, follow_redirects=True).status_code == 200
    assert addresses.signed_in_as(system.database, dashboard.popen.pid) == {"nexus_dashboard"}


def test_proxy_workers_become_processes(system: Composition) -> None:
    proxy = system.up("proxy", WEB_CONCURRENCY="2")
    proxy.wait_alive()

    wait_for(lambda: len(list((proxy.image.data_dir / "spool").iterdir())) >= 2, 20, proxy.words)


def stays_up(container: Container) -> None:
    deadline = time.monotonic() + UP_SECONDS
    while time.monotonic() < deadline:
        assert container.popen.poll() is None, container.words()
        time.sleep(0.1)
