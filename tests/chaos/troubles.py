"""Faults that a process lives through: no descriptors, a disk that fails, a Redis that is full, its own replacement."""

import asyncio
import contextlib
import os
import random
import resource
import time
from collections.abc import AsyncIterator, Iterable

import redis

from tests.chaos.faulty_disk import Failing
from tests.chaos.kinds import DESCRIPTORS, DISK
from tests.chaos.life import Trouble
from tests.chaos.parts import BACK_SECONDS, Part

LOOK_SECONDS = 0.05
# A proxy puts its own limit back behind each file that it opens past it: it may overwrite what was set meanwhile.
RESTORE_TRIES = 10
# The ends that the disk refused, and the count of what was dropped, are in memory alone until the shipper's next look.
AFTERMATH_SECONDS = 3.0


@contextlib.asynccontextmanager
async def trouble(part: Part, kind: str) -> AsyncIterator[None]:
    """Note when it began and ended."""
    noted = Trouble(kind, time.monotonic())
    part.troubles.append(noted)
    try:
        yield
    finally:
        noted.ended = time.monotonic()


async def starve(part: Part, seconds: float) -> None:
    """Let its processes get no more descriptors than they have."""
    limits = {pid: limit for pid in part.family() if (limit := _limit(pid))}
    async with trouble(part, DESCRIPTORS):
        for pid, (_, hard) in limits.items():
            with contextlib.suppress(OSError):
                _set_limit(pid, (_lowest_free(pid), hard))
        try:
            await asyncio.sleep(seconds)
        finally:
            for _ in range(RESTORE_TRIES):
                _restore(limits.items())
                await asyncio.sleep(LOOK_SECONDS)


async def break_disk(part: Part, seconds: float, source: random.Random) -> int:
    """Let what it reads or writes in the spool fail with EIO; how many calls did."""
    assert part.disk
    before = part.disk.failed
    async with trouble(part, DISK):
        part.disk.fail(source.choice([Failing.READS, Failing.WRITES, Failing.BOTH]))
        try:
            await asyncio.sleep(seconds)
        finally:
            part.disk.fail(Failing.NOTHING)
    await asyncio.sleep(AFTERMATH_SECONDS)
    return part.disk.failed - before


async def fill_redis(url: str, seconds: float) -> int:
    """Let it refuse what would take memory; how many commands it refused."""
    with redis.Redis.from_url(url) as client:
        before = _refused(client)
        client.config_set("maxmemory", "1")
        try:
            await asyncio.sleep(seconds)
        finally:
            client.config_set("maxmemory", "0")
        return _refused(client) - before


async def replace(part: Part) -> None:
    """A rolling restart: returns when new processes serve and the old ones have drained. TimeoutError if that does not come."""
    before = part.serving()
    part.hang_up()
    async with asyncio.timeout(BACK_SECONDS):
        drained = False
        while not drained:
            await asyncio.sleep(LOOK_SECONDS)
            drained = part.ended() or not any(item.is_running() for item in before)


def _limit(pid: int) -> tuple[int, int] | None:
    try:
        return resource.prlimit(pid, resource.RLIMIT_NOFILE)
    except OSError:  # it ended
        return None


def _set_limit(pid: int, limit: tuple[int, int]) -> None:
    resource.prlimit(pid, resource.RLIMIT_NOFILE, limit)


def _restore(limits: Iterable[tuple[int, tuple[int, int]]]) -> None:
    for pid, limit in limits:
        with contextlib.suppress(OSError):
            _set_limit(pid, limit)


def _lowest_free(pid: int) -> int:
    """The number that its next descriptor would have."""
    taken = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}  # noqa: PTH208 - only the names
    return next(number for number in range(len(taken) + 1) if number not in taken)


def _refused(client: redis.Redis) -> int:
    errors = client.info("errorstats").get("errorstat_OOM", {})
    return int(errors.get("count", 0))
