"""All runs: in each round each workload goes through each target, so that a noisy minute meets all of them."""

from collections.abc import Sequence
from contextlib import ExitStack

from rich.console import Console
from rich.progress import Progress, TimeElapsedColumn

from tests.bench import build, machine, report, targets
from tests.bench.bars import verdicts
from tests.bench.measure import LOAD_CORE, PROXY_CORE, Run, clear_requests, measure
from tests.bench.report import Report, Scale
from tests.bench.system import servers, system, upstream
from tests.bench.targets import Target
from tests.bench.workloads import Workload, chosen

WIDTH = 132  # of the widest table


def run(names: Sequence[str], rounds: int, seconds: float, workers: int, *, bars: bool) -> Report:
    """Everything is started, measured and stopped again; progress goes to standard error."""
    build.build()
    works, pinned = chosen(names), not machine.cannot_pin()
    console = Console(stderr=True)
    if slow := machine.unoptimized_python():
        console.print(slow)
    with ExitStack() as running:
        running.callback(clear_requests)
        server_pids = running.enter_context(servers())
        upstream_pid, port = running.enter_context(upstream())
        found = _targets(running, server_pids, port, works)
        if pinned:
            machine.pin([upstream_pid], LOAD_CORE)
            for target in found:
                machine.pin((*target.pids, *target.behind), PROXY_CORE)
        else:
            console.print(f"not pinned ({machine.cannot_pin()}): delays and rates tell less, CPU is as good")
        runs = _measured(console, found, works, rounds, seconds)
        scale = _scale(server_pids, port, seconds, workers) if workers > 1 else []
    return Report(pinned, seconds, runs, verdicts(runs) if bars else [], scale)


def _targets(
    running: ExitStack, server_pids: tuple[int, ...], port: int, works: Sequence[Workload]
) -> list[Target]:
    found = [Target(targets.DIRECT, port)]
    if other := running.enter_context(targets.nginx(port)):
        found.append(other)
    if any(work.paces for work in works):
        found.append(running.enter_context(targets.bare(port)))
    found.append(targets.ours(targets.OURS, running.enter_context(system(1, server_pids, port))))
    if any(work.storage_off for work in works):
        quiet = running.enter_context(system(2, server_pids, port, STORAGE_ENABLED="false"))
        found.append(targets.ours(targets.OURS_OFF, quiet))
    return found


def _measured(
    console: Console, found: Sequence[Target], works: Sequence[Workload], rounds: int, seconds: float
) -> list[Run]:
    todo = [
        (target, work)
        for _ in range(rounds)
        for work in works
        for target in found
        if {targets.OURS_OFF: work.storage_off, targets.BARE: work.paces}.get(target.name, True)
    ]
    runs = []
    with Progress(*Progress.get_default_columns(), TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("", total=len(todo))
        for target, work in todo:
            progress.update(task, description=f"{work.name}, {target.name}")
            runs.append(measure(target, work, seconds))
            progress.advance(task)
    return runs


def _scale(server_pids: tuple[int, ...], port: int, seconds: float, most: int) -> list[Scale]:
    """1 process and `most`, on any core. Upstream and load need cores as well, so CPU tells more than what was carried."""
    (small,) = chosen(["small"])
    found = []
    for processes in (1, most):
        with system(2 + processes, server_pids, port, processes) as started:
            seen = measure(targets.ours(targets.OURS, started), small, seconds)
        found.append(Scale(processes, seen.load.rate, processes * seen.load.done / max(0.01, seen.proxy_cpu)))
    return found


def show(found: Report) -> None:
    """On standard output, never narrower than the tables."""
    console = Console()
    report.show(found, console if console.width >= WIDTH else Console(width=WIDTH))
