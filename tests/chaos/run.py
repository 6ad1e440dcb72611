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
from nexus_project.stack import places
from tests.chaos import verdict
from tests.chaos.faults import KINDS, Faults, Kill
from tests.chaos.load import CLIENTS, Load
from tests.chaos.system import System, system
from tests.chaos.verdict import Stored, Sums

SETTLE_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Report:
    """`problems` are the broken promises. `falls` are the processes that ended by themselves.

    `seconds` is how long the load lasted, `settling` how long after it everything was stored.
    """

    exchanges: int
    seconds: float
    settling: float
    kills: list[Kill]
    falls: list[str]
    sums: Sums
    outcomes: Counter[str]
    problems: list[str]

    def __str__(self) -> str:
        streaming = sum(kill.open_streams > 0 for kill in self.kills)
        counts = Counter(kill.kind for kill in self.kills)
        sums = self.sums
        return "\n".join(
            [
                f"{self.exchanges} exchanges reached upstream in {self.seconds:.0f} s: {dict(self.outcomes)}",
                f"{len(self.kills)} kills, {streaming} with streams open: {dict(counts)}",
                f"ended by themselves and started again: {len(self.falls)}",
                *self.falls,
                f"settled {self.settling:.1f} s after the load: accepted {sums.accepted} = stored {sums.stored} "
                f"+ waiting {sums.waiting} + dropped {sums.dropped} + gaps {sums.gaps}",
                *self.problems[:50],
                f"verdict: {f'{len(self.problems)} broken promises' if self.problems else 'nothing lost'}",
            ]
        )


def run(exchanges: int, kills: int, seed: int, say: Callable[[str], None]) -> Report:
    """At least so many exchanges, so many kills of each kind. What ran is kept for a look when a promise was broken."""
    folder = places.make_temporary(places.DATA)
    with system(folder) as running:
        report = asyncio.run(_run(running, exchanges, kills, seed))
    for kill in sorted(report.kills, key=lambda one: one.at):
        say(str(kill))
    if report.problems:
        say(f"logs and records of this run: {folder}")
    else:
        places.remove_data_folder(folder)
    say(str(report))
    return report


async def _run(running: System, exchanges: int, kills: int, seed: int) -> Report:
    await running.start()
    load = Load(running.proxies, seed)
    faults = Faults(running, seed, kills, lambda: load.open_streams)
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
        sums, stored = await asyncio.to_thread(_stored, running, len({one.id for one in arrived}))
        strangers = await asyncio.to_thread(running.strangers)
        watch.cancel()
    return Report(
        exchanges=len(arrived),
        seconds=ended - began,
        settling=sums.at - ended,
        kills=faults.kills,
        falls=[f"{part.name}, {words}" for part in running.services for words in part.falls],
        sums=sums,
        outcomes=Counter(one.outcome for one in stored),
        problems=[
            *_short(faults.kills, kills),
            *strangers,
            *verdict.problems(load.sent, arrived, stored, sums),
        ],
    )


def _short(done: list[Kill], wanted: int) -> list[str]:
    """A run that did not do what it was for proves nothing."""
    counts = Counter(kill.kind for kill in done)
    short = [f"{counts[kind]} kills of {kind} and not {wanted}" for kind in KINDS if counts[kind] < wanted]
    if 2 * sum(kill.open_streams > 0 for kill in done) < len(done):
        short.append("less than half of the kills met an open stream")
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
