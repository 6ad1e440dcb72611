"""Who meets which fault when: one task for each process, all at once, from one seed."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos import troubles
from tests.chaos.kinds import (
    DESCRIPTORS,
    DISK,
    KILLS,
    POOL,
    POSTGRES,
    PROXY,
    REDIS,
    REDIS_FULL,
    REDIS_WIPED,
    RESTART,
    TROUBLES,
    WORKER,
)
from tests.chaos.parts import Part, Server
from tests.chaos.system import System

LIVES_SECONDS = (0.5, 3.0)  # how long a process may live before the next fault
LASTS_SECONDS = (0.0, 2.0)
WATCH_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Fault:
    """One line of the log; times are seconds, `at` since the start of the load, `back` from its end until all is as before.

    `refused` is how many calls it refused, where that can be told.
    """

    kind: str
    name: str
    at: float
    open_streams: int
    lasted: float
    back: float
    refused: int | None = None

    def __str__(self) -> str:
        streams = f"{self.open_streams} streams open"
        refused = "" if self.refused is None else f", {self.refused} calls refused"
        return (
            f"{self.at:7.2f} s  {self.kind:15} {self.name:9} {streams:>16}, lasted {self.lasted:.2f} s, "
            f"back in {self.back:.2f} s{refused}"
        )


@dataclass(slots=True)
class Faults:
    """Each kind of kill comes `kills` times, each other fault `troubles` times; `done` grows while they run."""

    system: System
    seed: int
    kills: int
    troubles: int
    open_streams: Callable[[], int]
    done: list[Fault] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    async def run(self) -> None:
        """Returns when everything has come back."""
        plan = self._plan()
        longest = max(len(kinds) for _, kinds in plan)
        async with asyncio.TaskGroup() as group:
            for part, kinds in plan:
                # Each suffers through the whole run, whether it is one of two or has two kinds of fault.
                group.create_task(self._torment(part, kinds, longest / max(1, len(kinds))))

    async def watch(self) -> None:
        """Start again what ended by itself, as a supervisor does; runs until it is cancelled."""
        while True:
            for part in self.system.services:
                if not part.lock.locked() and part.ended():
                    async with part.lock:
                        await part.start_again()
            await asyncio.sleep(WATCH_SECONDS)

    def _plan(self) -> list[tuple[Part | Server, list[str]]]:
        """The faults of each part, in the order of the kinds; parts that share a kind take it in turn."""
        proxies, workers = self.system.proxies, self.system.workers
        meets: dict[str, Sequence[Part | Server]] = {
            PROXY: proxies,
            WORKER: workers,
            POOL: workers,
            REDIS: [self.system.redis],
            REDIS_WIPED: [self.system.redis],
            POSTGRES: [self.system.postgres],
            DESCRIPTORS: [*proxies, *workers],
            DISK: proxies,
            REDIS_FULL: [self.system.redis],
            RESTART: proxies,
        }
        suffering: list[Part | Server] = [*proxies, *workers, self.system.redis, self.system.postgres]
        return [
            (part, [kind for kind, parts in meets.items() for _ in range(self._share(kind, part, parts))])
            for part in suffering
        ]

    def _share(self, kind: str, part: Part | Server, parts: Sequence[Part | Server]) -> int:
        count = {**dict.fromkeys(KILLS, self.kills), **dict.fromkeys(TROUBLES, self.troubles)}[kind]
        return sum(parts[number % len(parts)] is part for number in range(count))

    async def _torment(self, part: Part | Server, kinds: list[str], stretch: float) -> None:
        source = random.Random(f"{self.seed} {part.name}")
        source.shuffle(kinds)
        for kind in kinds:
            await asyncio.sleep(source.uniform(*LIVES_SECONDS) * stretch)
            at, streams = time.monotonic() - self.began, self.open_streams()
            lasts = 0.0 if kind in (POOL, RESTART) else source.uniform(*LASTS_SECONDS)
            refused: int | None = None
            if isinstance(part, Part) and kind in (*TROUBLES, POOL):
                refused = await self._trouble(part, kind, lasts, source)
            elif kind == REDIS_FULL:
                refused = await troubles.fill_redis(self.system.environment["REDIS_URL"], lasts)
            else:
                async with part.lock:
                    await self._kill(part, kind, lasts)
            took = time.monotonic() - self.began - at
            self.done.append(Fault(kind, part.name, at, streams, lasts, max(0.0, took - lasts), refused))

    async def _trouble(self, part: Part, kind: str, lasts: float, source: random.Random) -> int | None:
        """What the part itself survives; how many calls were refused."""
        if kind == POOL:
            done = False
            while not done:
                await asyncio.sleep(WATCH_SECONDS)
                done = await asyncio.to_thread(part.kill_child, source)
        elif kind == DESCRIPTORS:
            await troubles.starve(part, lasts)
        elif kind == DISK:
            return await troubles.break_disk(part, lasts, source)
        else:
            await troubles.replace(part)
        return None

    async def _kill(self, part: Part | Server, kind: str, gone: float) -> None:
        await asyncio.to_thread(part.kill)
        if isinstance(part, Server) and kind == REDIS_WIPED:
            part.wipe()
        await asyncio.sleep(gone)
        await part.start()
