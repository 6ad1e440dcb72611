"""Bodies that take a worker a second each keep no other record waiting: through a real proxy and a real Celery worker."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from nexus_project.demo.script import Script
from tests.bench.machine import cpu
from tests.flow.conftest import Nexus
from tests.flow.services import wait_for
from tests.store.heavy import REQUESTS

HEAVY = ("a million keys", "a million keys beside messages", "many blocks that differ")
MOST_SECONDS = 2.0
BEFORE, PAUSE_SECONDS, LOOK_SECONDS = 5, 0.2, 0.02
# A quarter of a batch each: they travel together with small records.
MIDDLING = b'{"model":"m","messages":[],"extra":{%s}}' % b",".join(b'"key%07d":1' % n for n in range(60_000))


@pytest.fixture(scope="module")
def nexus(make_nexus: Callable[..., Nexus]) -> Nexus:
    made = make_nexus()
    made.emulator.app.script("done", Script(chunks=(b"ok",)))
    return made


@dataclass
class Waits:
    """When each exchange ended and when it was stored, by id, in monotonic seconds."""

    nexus: Nexus
    ended: dict[str, float] = field(default_factory=dict)
    stored: dict[str, float] = field(default_factory=dict)

    def send(self, body: bytes) -> str:
        response = self.nexus.client().post(
            "/v1/messages", content=body, headers={"x-emulate": "script=done"}
        )
        assert response.status_code == 200
        self.ended[response.headers["x-nexus-id"]] = time.monotonic()
        return str(response.headers["x-nexus-id"])

    def send_small(self) -> str:
        return self.send(b'{"model":"m","messages":[{"role":"user","content":"hi"}]}')

    def of(self, ids: list[str]) -> list[float]:
        """How many seconds each waited."""
        wait_for(lambda: set(ids) <= self.stored.keys(), 90)
        return [self.stored[id_] - self.ended[id_] for id_ in ids]

    @contextmanager
    def watched(self) -> Iterator[None]:
        over = threading.Event()

        def look() -> None:
            while not over.wait(LOOK_SECONDS):
                now = time.monotonic()
                for row in self.nexus.rows("SELECT id FROM proxy_exchange"):
                    self.stored.setdefault(str(row["id"]), now)

        thread = threading.Thread(target=look)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def small_ones(waits: Waits, pool: ThreadPoolExecutor, bodies: list[bytes]) -> tuple[list[str], list[str]]:
    """Send heavy bodies at once and small ones until all are stored; the ids of both."""
    sending = [pool.submit(waits.send, body) for body in bodies]
    small = []
    while not all(future.done() and future.result() in waits.stored for future in sending):
        small.append(waits.send_small())
        time.sleep(PAUSE_SECONDS)
    return small, [future.result() for future in sending]


@pytest.mark.timeout(240)  # ten seconds; the worker yields to whatever else the machine does
@pytest.mark.parametrize(
    "names", [[*HEAVY, *HEAVY], ["middling"] * 3], ids=["larger than a batch", "in a batch with others"]
)
def test_no_record_waits_two_seconds_for_heavy_ones(nexus: Nexus, names: list[str]) -> None:
    made = {name: REQUESTS[name]() if name in REQUESTS else MIDDLING for name in set(names)}
    waits = Waits(nexus)
    with waits.watched(), ThreadPoolExecutor(len(names)) as pool:
        ordinary = max(waits.of([waits.send_small() for _ in range(BEFORE)]))
        began, used = time.monotonic(), cpu([nexus.worker.popen.pid])
        small, heavy = small_ones(waits, pool, [made[name] for name in names])
        took = max(waits.stored[record_id] for record_id in heavy) - began
        used = cpu([nexus.worker.popen.pid]) - used
        longest = max(waits.of(small))

    print(f"ordinary {ordinary:.2f} s, longest {longest:.2f} s, heavy {took:.2f} s with {used:.2f} s of CPU")
    # Where the worker has half of a processor, a second of CPU takes two.
    crowded = max(1.0, took / used)
    assert longest < ordinary + MOST_SECONDS * crowded
    if names[0] in HEAVY:  # whatever else the machine does: nobody waits for the sum of them
        assert longest < ordinary + took / 3
