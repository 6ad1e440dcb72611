"""While Redis is away, worker and beat say so once a minute, and go on by themselves when it is back."""

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from nexus_project.stack.supervision import commands
from tests.flow.conftest import Nexus
from tests.flow.services import Process, wait_for

AWAY_SECONDS = 20
# Beat may ask the worker for the tokens per domain once Redis is back: a report of several lines, and no complaint.
TOKEN_REPORT = re.compile(r"^\S+ \[info +\] *\n\n?Domain .*?\[nexus\.tokens\]$\n?", re.MULTILINE | re.DOTALL)
ASK = {"model": "claude-sonnet-5", "max_tokens": 10, "messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def own(make_nexus: Callable[..., Nexus], own_redis: Process) -> Nexus:
    return make_nexus(REDIS_URL=f"redis://127.0.0.1:{own_redis.service.environment['PORT']}/0")


@pytest.fixture
def beat(own: Nexus) -> Iterator[Process]:
    folder = own.data_dir / "var"
    (folder / "beat").mkdir(parents=True, exist_ok=True)
    place = commands.Deployment("127.0.0.1", 1, 1, folder, 1, grace_seconds=2)
    process = Process(commands.beat(place), own.worker.environment, Path(own.data_dir / "beat.log")).start()
    yield process
    process.stop()


@pytest.mark.slow
def test_redis_that_is_away_for_a_while_is_a_line_or_two_of_each(
    own: Nexus, own_redis: Process, beat: Process
) -> None:
    own.stored(own.client().post("/v1/messages", json=ASK).headers["x-nexus-id"])
    time.sleep(3)  # beat has begun
    before = {"worker": own.worker.words(), "beat": beat.words()}
    own_redis.kill()
    time.sleep(AWAY_SECONDS)
    own_redis.start()
    later = own.client().post("/v1/messages", json=ASK).headers["x-nexus-id"]
    own.stored(later)
    wait_for(lambda: own.worker.popen.poll() is None and beat.popen.poll() is None)
    time.sleep(2)

    said = {
        name: TOKEN_REPORT.sub("", words.removeprefix(before[name])).splitlines()
        for name, words in (("worker", own.worker.words()), ("beat", beat.words()))
    }
    for name, lines in said.items():
        assert 1 <= len(lines) <= 3, "\n".join([name, *lines])
        assert any("redis_down" in line for line in lines), lines
