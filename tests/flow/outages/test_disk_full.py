"""The proxy's disk is full: traffic goes on, what is lost is counted, shown and reported, and with room again records are kept."""

import json
from collections.abc import Iterator

import pytest
from celery import Celery

from nexus_project.demo import slack as demo
from nexus_project.demo.emulator import Emulator
from nexus_project.demo.serving import Running
from proxy.store.pipeline import SpoolState
from tests.flow.conftest import Nexus, systems
from tests.flow.operator import manage, spools
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


def settled(nexus: Nexus, accepted: int) -> SpoolState:
    """The spool's state, once nothing of so many waits any more."""

    def is_settled() -> bool:
        return [(spool.accepted, spool.waiting) for spool in spools(nexus)] == [(accepted, 0)]

    wait_for(is_settled, 60, lambda: f"{spools(nexus)}\n{nexus._words()}")
    return spools(nexus)[0]


@pytest.mark.timeout(300)
def test_a_full_disk_breaks_no_client_and_each_drop_is_counted_shown_and_told(
    full: tuple[Nexus, Disk], running: demo.RunningSlack
) -> None:
    nexus, disk = full
    assert ask(nexus, 5) == [200] * 5
    settled(nexus, 5)

    disk.fill()
    during = ask(nexus, 20)
    disk.make_room()
    after = ask(nexus, 5)

    found = settled(nexus, 30)
    assert (during, after) == ([200] * 20, [200] * 5)
    assert found.stored + found.dropped == 30
    assert (found.gaps, found.lost > 0) == (0, True)
    assert found.stored >= 10
    assert "spool.refused" in nexus.proxy.words()
    watch(nexus)
    wait_for(lambda: running.posts, 30, nexus._words)
    assert f"Spool {found.id}: {found.lost} new" in running.posts[0].body.decode()
    listed = manage(nexus, "spool", "list", "--json")
    [line] = json.loads(listed.stdout)["spools"]
    assert (listed.returncode, line["where"]) == (1, "running")
    assert (line["dropped"], line["bodiesDropped"]) == (found.dropped, found.bodies_dropped)

    nexus.proxy.kill()
    nexus.proxy.start()
    assert ask(nexus, 3) == [200] * 3
    again = settled(nexus, 33)
    assert (again.dropped, again.bodies_dropped) == (found.dropped, found.bodies_dropped)
    assert again.stored == found.stored + 3


def watch(nexus: Nexus) -> None:
    """As beat does every ten seconds."""
    with Celery(broker=nexus.worker.environment["REDIS_URL"], set_as_current=False) as app:
        app.send_task("proxy.watch_losses", queue="nexus")
