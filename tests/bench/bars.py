"""What must hold, as data: exit code 1 when one is missed."""

import statistics
from collections.abc import Callable, Iterable, Iterator

import msgspec

from tests.bench import targets
from tests.bench.measure import Run
from tests.bench.pace import slowness
from tests.bench.workloads import WORKLOADS

BY_NAME = {workload.name: workload for workload in WORKLOADS}
PACED = {workload.name for workload in WORKLOADS if workload.paced}
STREAMS = {workload.name for workload in WORKLOADS if workload.events is not None}
BASE_MIB, STREAM_MIB = 100, 64 / 1024
# What direct must carry of what Nexus does: upstream and load, which have a core of their own, then keep some of it to spare.
FASTER = 1.25


class Verdict(msgspec.Struct, frozen=True):
    """`found` was measured, `limit` is the most, or where `least` is true the least, for a machine whose `slowness` is 1."""

    name: str
    found: float
    limit: float
    unit: str
    least: bool = False
    slowness: float = 1.0

    @property
    def here(self) -> float:
        """The limit on this machine."""
        return self.limit / self.slowness if self.least else self.limit * self.slowness

    @property
    def kept(self) -> bool:
        return self._keeps(self.here)

    @property
    def kept_there(self) -> bool:
        """Whether the figure is one that the bar allows as it was set, on whichever machine."""
        return self._keeps(self.limit)

    def _keeps(self, limit: float) -> bool:
        return self.found >= limit if self.least else self.found <= limit


def per_request(run: Run) -> float:
    """CPU seconds of the proxy for 1,000 requests."""
    return run.proxy_cpu / max(1, run.load.done) * 1000


def per_request_all(run: Run) -> float:
    """The same with worker, Redis and PostgreSQL."""
    return (run.proxy_cpu + run.behind_cpu) / max(1, run.load.done) * 1000


def per_event(run: Run) -> float:
    """CPU of the proxy for an event, in microseconds."""
    return run.proxy_cpu / max(1, run.load.events) * 1e6


def stored_rate(run: Run) -> float:
    """Exchanges that a core of worker, Redis and PostgreSQL stores in a second."""
    return run.load.done / max(0.001, run.behind_cpu)


def event_rate(run: Run) -> float:
    return run.load.events / max(0.001, run.load.seconds)


def first_p50(run: Run) -> float:
    return run.load.first.p50


def event_p50(run: Run) -> float:
    return run.load.event.p50


def event_p99(run: Run) -> float:
    return run.load.event.p99


# Workload, name, value of a run, most, unit.
OWN = (
    ("small", "proxy CPU, 0.4 KB requests", per_request, 0.40, "s/1,000"),
    ("big", "proxy CPU, 200 KB requests", per_request, 0.8, "s/1,000"),
    ("burst", "proxy CPU, events at once", per_event, 4, "µs/event"),
    ("paced5", "proxy CPU, events each 5 ms", per_event, 25, "µs/event"),
    ("small", "CPU with all behind, 0.4 KB requests", per_request_all, 1.2, "s/1,000"),
    ("big", "CPU with all behind, 200 KB requests", per_request_all, 3, "s/1,000"),
)
# The same, but the least.
CARRIED = (
    ("paced5x500", "500 streams carry", event_rate, 60_000, "events/s"),
    ("small", "a core behind the proxy stores", stored_rate, 1_000, "a second"),
)
# The same as the first of Nexus less direct, milliseconds.
ADDED = (
    ("small1", "added to the first byte, p50", first_p50, 0.5),
    ("paced20", "added to an event, p50", event_p50, 0.4),
    ("paced20", "added to an event, p99", event_p99, 3),
)
NEIGHBOUR_MS = 10

Value = Callable[[Run], float]


def verdicts(runs: list[Run]) -> list[Verdict]:
    """Of medians over the rounds; only of what was measured."""
    return [*_own(runs), *_added(runs), *_memory(runs), *_whole(runs), *_room(runs)]


def median(runs: Iterable[Run], target: str, workload: str, value: Value) -> float | None:
    found = [value(run) for run in runs if (run.target, run.workload) == (target, workload)]
    return statistics.median(found) if found else None


def _own(runs: list[Run]) -> Iterator[Verdict]:
    for workload, name, value, limit, unit in OWN:
        found = median(runs, targets.OURS, workload, value)
        if found is not None:
            yield Verdict(name, found, limit, unit, slowness=slowness(runs, workload))
    for workload, name, value, limit, unit in CARRIED:
        found = median(runs, targets.OURS, workload, value)
        if found is not None:
            yield Verdict(name, found, limit, unit, least=True, slowness=slowness(runs, workload))


def _added(runs: list[Run]) -> Iterator[Verdict]:
    for workload, name, value, limit in ADDED:
        mine, direct = (median(runs, target, workload, value) for target in (targets.OURS, targets.DIRECT))
        if mine is not None and direct is not None:
            slower = slowness(runs, "paced5" if "event" in name else "small")
            yield Verdict(name, mine - direct, limit, "ms", slowness=slower)
    alone = median(runs, targets.OURS, "paced20", event_p99)
    beside = median(runs, targets.OURS, "neighbour", event_p99)
    if alone is not None and beside is not None:
        name = "a request of 20 MB adds to others' events, p99"
        yield Verdict(name, beside - alone, NEIGHBOUR_MS, "ms", slowness=slowness(runs, "paced5"))


def _memory(runs: list[Run]) -> Iterator[Verdict]:
    """A body under way is held once, beside what each stream may take."""
    mine = [run for run in runs if run.target == targets.OURS and run.workload in STREAMS]
    for workload in dict.fromkeys(run.workload for run in mine):
        peak = max(run.peak for run in mine if run.workload == workload)
        shape = BY_NAME[workload]
        limit = BASE_MIB + STREAM_MIB * shape.connections + shape.large / 2**20
        yield Verdict(f"RSS, {workload}", peak, limit, "MiB")


def _whole(runs: list[Run]) -> Iterator[Verdict]:
    """Nothing fails, and what was accepted is stored."""
    for name in dict.fromkeys(run.target for run in runs):
        failed = sum(run.load.failed for run in runs if run.target == name)
        yield Verdict(f"failed requests, {name}", failed, 0, "")
    lost = [(run.accepted or 0) - (run.stored or 0) for run in runs]
    yield Verdict("accepted and not stored", sum(map(abs, lost)), 0, "")


def _room(runs: list[Run]) -> Iterator[Verdict]:
    for workload in dict.fromkeys(run.workload for run in runs if run.workload not in PACED):
        mine, direct = (
            median(runs, target, workload, lambda run: run.load.rate)
            for target in (targets.OURS, targets.DIRECT)
        )
        if mine and direct is not None:
            name = f"direct ÷ Nexus, {workload} (less: upstream or load is the bottleneck)"
            yield Verdict(name, direct / mine, FASTER, "times", least=True)
