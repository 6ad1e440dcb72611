"""Who is killed when: one task for each process, all at once, from one seed."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.parts import Part, Server
from tests.chaos.system import System

LIVES_SECONDS = (0.5, 3.0)  # how long a process may live before it is killed
GONE_SECONDS = (0.0, 2.0)
WATCH_SECONDS = 0.2

PROXY, WORKER, POOL, REDIS, REDIS_WIPED, POSTGRES = KINDS = (
    "proxy",
    "worker",
    "its pool",  # one process of a worker, the one that may be storing a batch
    "redis",
    "redis, wiped",
    "postgres",
)


@dataclass(frozen=True, slots=True)
class Kill:
    """One line of the log; times are seconds, `at` since the start of the load, `back` from the start to being ready."""

    kind: str
    name: str
    at: float
    open_streams: int
    gone: float
    back: float

    def __str__(self) -> str:
        streams = f"{self.open_streams} streams open"
        return f"{self.at:7.2f} s  {self.kind:12} {self.name:9} {streams:>16}, gone {self.gone:.2f} s, back in {self.back:.2f} s"


@dataclass(slots=True)
class Faults:
    """`kills` grows while they run."""

    system: System
    seed: int
    count: int
    open_streams: Callable[[], int]
    kills: list[Kill] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Kill each kind `count` times; returns when everything has come back."""
        async with asyncio.TaskGroup() as group:
            for part, kinds in self._plan():
                group.create_task(self._torment(part, kinds))

    async def watch(self) -> None:
        """Start again what ended by itself, as a supervisor does; runs until it is cancelled."""
        while True:
            for part in self.system.services:
                if not part.lock.locked() and part.ended():
                    async with part.lock:
                        await part.start_again()
            await asyncio.sleep(WATCH_SECONDS)

    def _plan(self) -> Iterator[tuple[Part | Server, list[str]]]:
        for kinds, parts in (([PROXY], self.system.proxies), ([WORKER, POOL], self.system.workers)):
            for index, part in enumerate(parts):
                yield part, kinds * len(range(index, self.count, len(parts)))
        yield self.system.redis, [REDIS, REDIS_WIPED] * self.count
        yield self.system.postgres, [POSTGRES] * self.count

    async def _torment(self, part: Part | Server, kinds: list[str]) -> None:
        source = random.Random(f"{self.seed} {part.name}")
        source.shuffle(kinds)
        # Each dies through the whole run, whether it is one of two or dies for two reasons.
        stretch = 2 * self.count / max(1, len(kinds))
        for kind in kinds:
            await asyncio.sleep(source.uniform(*LIVES_SECONDS) * stretch)
            if kind == POOL and isinstance(part, Part):
                kill = await self._kill_child(part, source)
            else:
                async with part.lock:
                    kill = await self._kill(part, kind, source.uniform(*GONE_SECONDS))
            self.kills.append(kill)

    async def _kill(self, part: Part | Server, kind: str, gone: float) -> Kill:
        at, streams = time.monotonic() - self.began, self.open_streams()
        await asyncio.to_thread(part.kill)
        if isinstance(part, Server) and kind == REDIS_WIPED:
            part.wipe()
        await asyncio.sleep(gone)
        starting = time.monotonic()
        await part.start()
        return Kill(kind, part.name, at, streams, gone, time.monotonic() - starting)

    async def _kill_child(self, part: Part, source: random.Random) -> Kill:
        """The part itself lives on, and replaces it."""
        done = False
        while not done:
            await asyncio.sleep(WATCH_SECONDS)
            done = await asyncio.to_thread(part.kill_child, source)
        return Kill(POOL, part.name, time.monotonic() - self.began, self.open_streams(), 0, 0)
