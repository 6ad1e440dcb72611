"""How fast this machine is: what the bare view takes here, beside what it took where the bars were set.

Both run the same Python, Django, uvicorn and aiohttp in the same minutes, so that a slow machine, a throttled one or a Python built
without optimizations slows both, and what is left is Nexus's own.
"""

import statistics

from tests.bench import targets
from tests.bench.measure import Run

# Of the bare view on the machine of the bars: CPU seconds for 1,000 requests; for events, microseconds of CPU for each.
REQUESTS = {"small": 0.25, "big": 0.38}
EVENTS = {"burst": 3.0, "paced5": 21.7}
# Events a second.
CARRIED = {"paced5x500": 65_500}


def slowness(runs: list[Run], workload: str) -> float:
    """How many times slower this machine is at a workload, 1 where that was not measured."""
    mine = [run for run in runs if (run.target, run.workload) == (targets.BARE, workload)]
    return statistics.median(map(_slowness, mine)) if mine else 1.0


def _slowness(run: Run) -> float:
    if limit := REQUESTS.get(run.workload):
        return run.proxy_cpu / max(1, run.load.done) * 1000 / limit
    if limit := EVENTS.get(run.workload):
        return run.proxy_cpu / max(1, run.load.events) * 1e6 / limit
    return CARRIED[run.workload] * max(0.001, run.load.seconds) / max(1, run.load.events)
