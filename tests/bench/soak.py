"""Mixed load for minutes: memory and descriptors stay flat, all is stored: `python -m tests.bench.soak --minutes 10`."""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import msgspec
from rich.console import Console
from rich.progress import track
from rich.table import Table

from nexus_project.stack.errors import StackError
from tests.bench import build, machine
from tests.bench.bars import Verdict
from tests.bench.build import FOLDER, BenchError
from tests.bench.leavers import Leavers
from tests.bench.measure import Load, clear_requests, start_load
from tests.bench.system import System, servers, system, upstream
from tests.bench.workloads import Workload

# Well below what one core carries: a soak is about time, not about speed.
MIX = (
    Workload("soak-small", "", 8, rate=30),
    Workload("soak-big", "", 4, size=200_000, rate=3),
    Workload("soak-streams", "", 10, events=100, apart=10),
)
WARM_PART, SAMPLES = 0.3, 40
GROWTH_MIB = {"proxy": 20.0, "worker": 60.0}  # of the worker's three processes together
GROWTH_DESCRIPTORS = 20.0  # connections that come and go


@dataclass(frozen=True, slots=True)
class Sample:
    """RSS in MiB and descriptors, by the service's name."""

    rss: dict[str, float]
    descriptors: dict[str, float]


def soak(seconds: float) -> list[Verdict]:
    """Load a fresh Nexus for so long, and judge."""
    build.build()
    with servers() as server_pids, upstream() as (_, port), system(1, server_pids, port) as started:
        before = started.stored()
        processes = [start_load(started.port, workload, workload.options(seconds)) for workload in MIX]
        try:
            with Leavers(started.port, FOLDER) as leavers:
                samples = list(_samples(started, seconds))
            loads = [msgspec.json.decode(process.communicate()[0], type=Load) for process in processes]
        finally:
            for process in processes:
                process.kill()
            clear_requests()
        accepted = sum(load.done for load in loads) + leavers.left
        stored = started.settle(before + accepted) - before
    return [*_flat(samples), *_whole(loads, leavers.left, accepted, stored)]


def _samples(started: System, seconds: float) -> Iterator[Sample]:
    pids = {"proxy": [started.proxy.popen.pid], "worker": [started.worker.popen.pid]}
    for _ in track(range(SAMPLES), "soaking", console=Console(stderr=True)):
        time.sleep(seconds / SAMPLES)
        yield Sample(
            {name: machine.rss(roots) for name, roots in pids.items()},
            {name: machine.descriptors(roots) for name, roots in pids.items()},
        )


def _flat(samples: list[Sample]) -> Iterator[Verdict]:
    """The end beside the time after the warm-up; medians, as single looks meet more or fewer connections."""
    first = int(len(samples) * WARM_PART)
    early, late = samples[first : first + 5], samples[-5:]
    for name, limit in GROWTH_MIB.items():
        memory = median(sample.rss[name] for sample in late) - median(sample.rss[name] for sample in early)
        opened = median(sample.descriptors[name] for sample in late) - median(
            sample.descriptors[name] for sample in early
        )
        yield Verdict(f"growth of the {name}", memory, limit, "MiB")
        yield Verdict(f"descriptors more in the {name}", opened, GROWTH_DESCRIPTORS, "")


def _whole(loads: list[Load], left: int, accepted: int, stored: int) -> Iterator[Verdict]:
    for verdict, load in zip(MIX, loads, strict=True):
        yield Verdict(f"answered, {verdict.name}", load.done, 1, "", least=True)
    yield Verdict("clients that left", left, 1, "", least=True)
    yield Verdict("failed requests", sum(load.failed for load in loads), 0, "")
    yield Verdict("accepted and not stored", abs(accepted - stored), 0, f"of {accepted:,}")


def main(words: list[str] | None = None) -> int:
    """0 if all stayed flat and whole, 1 if not, 2 if it cannot be measured here."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10, help="default: %(default)s")
    given = parser.parse_args(words)
    try:
        found = soak(given.minutes * 60)
    except (BenchError, StackError) as error:
        print(f"nexus: {error}", file=sys.stderr)
        return 2
    table = Table("", "found", "limit", "", "")
    for verdict in found:
        limit = f"{'≥' if verdict.least else '≤'} {verdict.limit:g}"
        table.add_row(
            verdict.name, f"{verdict.found:,.1f}", limit, verdict.unit, "" if verdict.kept else "missed"
        )
    Console().print(table)
    return 0 if all(verdict.kept for verdict in found) else 1


if __name__ == "__main__":
    sys.exit(main())
