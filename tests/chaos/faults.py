"""Who is killed when: one task for each process, all at once, from one seed."""

import asyncio
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.chaos.parts import Part, Server
from tests.chaos.system import System

LIVES_SECONDS = (0.5, 4.0)  # how long a process may live before it is killed
GONE_SECONDS = (0.0, 2.5)
WATCH_SECONDS = 0.2

PROXY, WORKER, REDIS, REDIS_WIPED, POSTGRES = KINDS = (
    "proxy",
    "worker",
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
        for kind, parts in ((PROXY, self.system.proxies), (WORKER, self.system.workers)):
            for index, part in enumerate(parts):
                yield part, [kind] * len(range(index, self.count, len(parts)))
        yield self.system.redis, [REDIS, REDIS_WIPED] * self.count
        yield self.system.postgres, [POSTGRES] * self.count

    async def _torment(self, part: Part | Server, kinds: list[str]) -> None:
        source = random.Random(f"{self.seed} {part.name}")
        source.shuffle(kinds)
        # Each dies through the whole run, whether it is one of two or dies for two reasons.
        stretch = 2 * self.count / max(1, len(kinds))
        for kind in kinds:
            await asyncio.sleep(source.uniform(*LIVES_SECONDS) * stretch)
            async with part.lock:
                at, streams = time.monotonic() - self.began, self.open_streams()
                await asyncio.to_thread(part.kill)
                if isinstance(part, Server) and kind == REDIS_WIPED:
                    part.wipe()
                gone = source.uniform(*GONE_SECONDS)
                await asyncio.sleep(gone)
                starting = time.monotonic()
                await part.start()
                back = time.monotonic() - starting
                self.kills.append(Kill(kind, part.name, at, streams, gone, back))
