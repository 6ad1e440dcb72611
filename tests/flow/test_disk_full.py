"""The proxy's disk is full: traffic goes on, what is lost is counted, shown and told, and with room again records are kept."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery

from nexus_project.demo import slack as demo
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from tests.flow.conftest import Nexus, systems
from tests.flow.operator import manage
from tests.flow.services import wait_for
from tests.flow.small_disk import Disk, RefusingDisk, mounted

ASK = {
    "model": "claude-sonnet-5",
    "max_tokens": 50,
    "messages": [{"role": "user", "content": "go on" * 2000}],
}


@pytest.fixture
def running() -> Iterator[demo.RunningSlack]:
    with demo.serve() as running:
        yield running


@pytest.fixture(params=["mounted", "limited"])
def full(
    request: pytest.FixtureRequest,
    emulator: Running[Emulator],
    tmp_path_factory: pytest.TempPathFactory,
    running: demo.RunningSlack,
) -> Iterator[tuple[Nexus, Disk]]:
    """A system whose spool lies on a disk that can be filled: one that is small, and one that refuses."""
    found: list[Nexus] = []
    folder = tmp_path_factory.mktemp("disk") / "small"
    with (
        mounted(folder, lambda: found[0].proxy.popen.pid) as disk,
        systems(emulator, tmp_path_factory) as make,
    ):
        nexus = make(
            NEXUS_DATA_DIR=str(folder),
            SPOOL_MAX_BYTES=str(2 * 1024**2),
            SLACK_WEBHOOK_URL=running.webhook_url,
            SLACK_CA_FILE=str(running.ca_file),
            SLACK_ALLOW_PRIVATE_ADDRESSES="true",
        )
        found.append(nexus)
        yield nexus, disk if request.param == "mounted" else RefusingDisk(lambda: nexus.proxy.popen.pid)


def ask(nexus: Nexus, count: int) -> list[int]:
    return [nexus.client().post("/v1/messages", json=ASK).status_code for _ in range(count)]


def spools(nexus: Nexus) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(manage(nexus, "spool", "list", "--json").stdout)["spools"]
    return lines


def settled(nexus: Nexus) -> dict[str, Any]:
    """The spool's line, once nothing waits any more."""
    wait_for(lambda: spools(nexus)[0]["waiting"] == 0, 40, lambda: f"{spools(nexus)}\n{nexus._words()}")
    return spools(nexus)[0]


def test_a_full_disk_breaks_no_client_and_each_drop_is_counted_shown_and_told(
    full: tuple[Nexus, Disk], running: demo.RunningSlack
) -> None:
    nexus, disk = full
    assert ask(nexus, 5) == [200] * 5
    settled(nexus)

    disk.fill()
    during = ask(nexus, 20)
    disk.make_room()
    after = ask(nexus, 5)

    line = settled(nexus)
    assert (during, after) == ([200] * 20, [200] * 5)
    assert line["accepted"] == 30 == line["stored"] + line["dropped"]
    assert (line["gaps"], line["dropped"] + line["bodiesDropped"] > 0) == (0, True)
    assert 10 <= line["stored"] < 30 or line["bodiesDropped"] > 0
    assert "spool.refused" in nexus.proxy.words()
    assert manage(nexus, "spool", "list").returncode == 1
    watch(nexus)
    wait_for(lambda: running.posts, 20, nexus._words)
    assert f"Spool {line['id']}: " in running.posts[0].body.decode()

    nexus.proxy.kill()
    nexus.proxy.start()
    again = settled(nexus)
    assert (again["dropped"], again["bodiesDropped"]) == (line["dropped"], line["bodiesDropped"])
    assert ask(nexus, 3) == [200] * 3
    wait_for(lambda: spools(nexus)[0]["stored"] == line["stored"] + 3, 20, nexus._words)


def watch(nexus: Nexus) -> None:
    """As beat does every ten seconds."""
    with Celery(broker=nexus.worker.environment["REDIS_URL"]) as app:
        app.send_task("proxy.watch_losses", queue="nexus")
