"""What runs in a process and what is stopped: by Redis, by the snapshot, and by neither."""

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import cast

import msgspec
import pytest
import redis
from django.conf import settings as django_settings
from pytest_django import Settings

from accounts import stopping
from accounts.access.decision import Snapshot
from accounts.access.stops import Stop
from accounts.snapshot.watcher import Watcher
from proxy.relay.capture.exchange import Exchange
from proxy.relay.http.refusal import Refused
from proxy.relay.stops import listening
from proxy.relay.stops import stopper as module
from proxy.relay.stops.stopper import Stopper
from tests.relay.redis_server import OwnRedis
from tests.relay.stops.requests import request_of

STOP = Stop(1, "a.example", "s", "", "ann", 4e9)


class Snapshots:
    """In place of the watcher: what a test makes of it."""

    current: Snapshot | None = None

    def hold(self, *stops: Stop) -> None:
        self.current = Snapshot(parts={module.PART.name: list(stops)})


@pytest.fixture
def snapshots() -> Snapshots:
    return Snapshots()


@pytest.fixture
def stopper(snapshots: Snapshots) -> Stopper:
    return Stopper(cast(Watcher, snapshots))


@pytest.fixture
def listeners() -> Iterator[Callable[[], int]]:
    """How many processes listen at the suite's Redis."""
    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        yield lambda: client.pubsub_numsub(listening.CHANNEL)[0][1]


def exchange() -> Exchange:
    return Exchange(None, lambda _: None)


async def until(condition: Callable[[], object], seconds: float = 20) -> None:
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for tells nobody
            await asyncio.sleep(0.01)


async def running(stopper: Stopper, session: str = "s") -> tuple["asyncio.Task[None]", Exchange]:
    """A request of a session that waits for its response."""
    found = exchange()

    async def serve() -> None:
        stopper.begin(found, request_of(session), "a.example")
        await asyncio.Event().wait()

    task = asyncio.get_running_loop().create_task(serve())
    await asyncio.sleep(0)
    return task, found


def test_both_sides_mean_the_same_channel() -> None:
    assert listening.CHANNEL == stopping.CHANNEL


async def test_without_a_snapshot_or_a_stop_everybody_passes(stopper: Stopper, snapshots: Snapshots) -> None:
    stopper.begin(exchange(), request_of("s"), "a.example")
    snapshots.current = Snapshot()
    stopper.begin(exchange(), request_of("s"), "a.example")
    snapshots.hold(replace(STOP, session="t"))

    assert stopper.begin(exchange(), request_of("s"), "a.example").stop is None


async def test_a_stopped_session_is_refused_at_the_door(stopper: Stopper, snapshots: Snapshots) -> None:
    snapshots.hold(STOP)
    found = exchange()

    with pytest.raises(Refused) as refused:
        stopper.begin(found, request_of("s"), "a.example")

    assert (refused.value.kind.status, refused.value.domain) == (403, "a.example")
    assert "ann stopped this session in Nexus until 2096" in refused.value.message
    assert stopper.stop_of(found) is None


async def test_a_new_snapshot_ends_what_it_means(
    settings: Settings, snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    settings.REDIS_URL = ""
    stopper = Stopper(cast(Watcher, snapshots))
    stopper.start()
    meant, found = await running(stopper)
    spared, _ = await running(stopper, "t")

    snapshots.hold(STOP, replace(STOP, id=2, session="nobody's"))
    await until(meant.done)
    stopped = stopper.stop_of(found)
    stopper.end(found)
    await stopper.stop()

    assert meant.cancelled()
    assert not spared.done()
    assert stopped == STOP
    assert stopper.stop_of(found) is None
    assert [record.message for record in caplog.records].count("stops.ended") == 1
    spared.cancel()


async def test_what_redis_announces_ends_at_once(stopper: Stopper, listeners: Callable[[], int]) -> None:
    before = listeners()
    stopper.start()
    await until(lambda: listeners() > before)
    meant, _ = await running(stopper)

    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.publish(listening.CHANNEL, msgspec.json.encode(STOP))
    announced = time.monotonic()
    await until(meant.done)
    took = time.monotonic() - announced
    await stopper.stop()

    assert meant.cancelled()
    assert took < 0.5
    await until(lambda: listeners() == before)


async def test_redis_that_is_away_is_said_once_and_listened_to_again(
    own: OwnRedis, snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    stopper = Stopper(cast(Watcher, snapshots))
    stopper.start()
    await until(lambda: own.client.pubsub_numsub(listening.CHANNEL)[0][1])
    own.stop()
    await until(lambda: "stops.unheard" in caplog.text)
    meant, _ = await running(stopper)
    await asyncio.sleep(3 * module.INTERVAL_SECONDS)

    snapshots.hold(STOP)
    await until(meant.done)
    await stopper.stop()

    assert caplog.text.count("stops.unheard") == 1


async def test_a_message_that_nobody_can_read_ends_nothing_and_is_logged(
    stopper: Stopper, listeners: Callable[[], int], caplog: pytest.LogCaptureFixture
) -> None:
    before = listeners()
    stopper.start()
    await until(lambda: listeners() > before)
    meant, _ = await running(stopper)

    with redis.Redis.from_url(django_settings.REDIS_URL) as client:
        client.publish(listening.CHANNEL, b"no stop")
        await until(lambda: "stops.failed" in caplog.text)
        client.publish(listening.CHANNEL, msgspec.json.encode(STOP))
    await until(meant.done)
    await stopper.stop()

    assert meant.cancelled()


async def test_one_that_never_ran_is_stopped_as_well(settings: Settings, snapshots: Snapshots) -> None:
    settings.REDIS_URL = ""

    await Stopper(cast(Watcher, snapshots)).stop()


async def test_one_that_never_listened_closes_its_connections(stopper: Stopper) -> None:
    await stopper.stop()

    assert stopper._task is None
