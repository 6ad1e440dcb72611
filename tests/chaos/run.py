"""One run: start, load and kill, settle, judge."""

import asyncio
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from nexus_project import env
from nexus_project.stack.machine import owned_folders
from tests.chaos import verdict
from tests.chaos.faults import Fault, Faults
from tests.chaos.kinds import DISK, KILLS, REDIS_FULL, TROUBLES
from tests.chaos.load import CLIENTS, Load
from tests.chaos.system import System, system
from tests.chaos.verdict import Stored, Sums

SETTLE_SECONDS = 300.0
MANY = 5  # of so many faults one has met a call; a single one may come while nothing is read


@dataclass(frozen=True, slots=True)
class Report:
    """`problems` are the broken promises. `falls` are the processes that ended by themselves.

    `unavailable` counts the clients that a proxy without descriptors refused.
    `seconds` is how long the load lasted, `settling` how long after it everything was stored.
    """

    exchanges: int
    seconds: float
    settling: float
    faults: list[Fault]
    falls: list[str]
    sums: Sums
    outcomes: Counter[str]
    unavailable: int
    problems: list[str]

    def __str__(self) -> str:
        streaming = sum(fault.open_streams > 0 for fault in self.faults)
        counts = Counter(fault.kind for fault in self.faults)
        sums = self.sums
        return "\n".join(
            [
                f"{self.exchanges} exchanges reached upstream in {self.seconds:.0f} s: {dict(self.outcomes)}",
                _counted("kills", {kind: counts[kind] for kind in KILLS}),
                _counted("other faults", {kind: counts[kind] for kind in TROUBLES}),
                f"with streams open: {streaming} of {len(self.faults)}",
                f"refused for want of descriptors: {self.unavailable}",
                f"ended by themselves and started again: {len(self.falls)}",
                *self.falls,
                f"settled {self.settling:.1f} s after the load: accepted {sums.accepted} = stored {sums.stored} "
                f"+ waiting {sums.waiting} + dropped {sums.dropped} + gaps {sums.gaps}",
                *self.problems[:50],
                f"verdict: {self._verdict()}",
            ]
        )

    def _verdict(self) -> str:
        if self.problems:
            return f"{len(self.problems)} broken promises"
        return f"0 lost, 0 doubled, 0 wrong outcomes of {self.exchanges} exchanges; {self.sums.dropped} dropped by EIO, all counted"


def run(exchanges: int, kills: int, troubles: int, seed: int, say: Callable[[str], None]) -> Report:
    """At least so many exchanges, so many kills and other faults of each kind. What ran is kept when a promise was broken."""
    folder = owned_folders.make_temporary(owned_folders.DATA)
    with system(folder) as running:
        report = asyncio.run(_run(running, exchanges, kills, troubles, seed))
    for fault in sorted(report.faults, key=lambda item: item.at):
        say(str(fault))
    if report.problems:
        say(f"logs and records of this run: {folder}")
    else:
        owned_folders.remove_data_folder(folder)
    say(str(report))
    return report


async def _run(running: System, exchanges: int, kills: int, troubles: int, seed: int) -> Report:
    await running.start()
    load = Load(running.proxies, seed)
    faults = Faults(running, seed, kills, troubles, lambda: load.open_streams)
    began = time.time()
    async with asyncio.TaskGroup() as group:
        watch = group.create_task(faults.watch())
        async with asyncio.TaskGroup() as clients:
            for number in range(CLIENTS):
                clients.create_task(load.client(number))
            await faults.run()
            await load.reach(exchanges)
            load.stopping = True
        ended = time.time()
        arrived = verdict.read_log(running.log)
        sums, stored = await asyncio.to_thread(_stored, running, len({arrival.id for arrival in arrived}))
        strangers = await asyncio.to_thread(running.strangers)
        watch.cancel()
    return Report(
        exchanges=len(arrived),
        seconds=ended - began,
        settling=sums.at - ended,
        faults=faults.done,
        falls=[f"{part.name}, {words}" for part in running.services for words in part.falls],
        sums=sums,
        outcomes=Counter(row.outcome for row in stored),
        unavailable=sum(verdict.is_unavailable(exchange) for exchange in load.sent),
        problems=[
            *_short(faults.done, kills, troubles),
            *strangers,
            *verdict.problems(load.sent, arrived, stored, sums),
        ],
    )


def _counted(what: str, counts: dict[str, int]) -> str:
    return f"{sum(counts.values())} {what}: {', '.join(f'{count} {kind}' for kind, count in counts.items())}"


def _short(done: list[Fault], kills: int, troubles: int) -> list[str]:
    """A run that did not do what it was for proves nothing."""
    counts = Counter(fault.kind for fault in done)
    wanted = {**dict.fromkeys(KILLS, kills), **dict.fromkeys(TROUBLES, troubles)}
    short = [
        f"{counts[kind]} of {kind} and not {count}" for kind, count in wanted.items() if counts[kind] < count
    ]
    if 2 * sum(fault.open_streams > 0 for fault in done) < len(done):
        short.append("less than half of the faults met an open stream")
    effective = {fault.kind for fault in done if fault.refused}
    if troubles >= MANY:
        short += [f"{kind} refused nothing" for kind in (DISK, REDIS_FULL) if kind not in effective]
    return short


def _stored(running: System, expected: int) -> tuple[Sums, list[Stored]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos.stored", str(expected), str(SETTLE_SECONDS)],
        env=env.child_environment(
            {**running.environment, "DJANGO_SETTINGS_MODULE": "nexus_project.settings.dashboard"}
        ),
        cwd=Path(env.BASE_DIR),
        stdout=subprocess.PIPE,
        check=True,
    )
    first, *others = done.stdout.splitlines()
    return msgspec.json.decode(first, type=Sums), [msgspec.json.decode(line, type=Stored) for line in others]
