"""One run: one workload through one target, once."""

import subprocess
import time
from pathlib import Path

import msgspec

from tests.bench import machine, workloads
from tests.bench.build import FOLDER, BenchError
from tests.bench.targets import Target
from tests.bench.workloads import Workload

LOAD_CORE, PROXY_CORE = 0, 1
WARM_UP = ("-c", "4", "-d", "0.3")
QUIET_SECONDS, QUIET_CPU, QUIET_TRIES = 0.4, 0.02, 15


class Times(msgspec.Struct, frozen=True):
    """Milliseconds."""

    count: int
    p50: float
    p99: float
    max: float


class Load(msgspec.Struct, frozen=True):
    """What loadgen saw: `rate` answers a second, `first` until the first byte, `event` on the way from upstream."""

    begun: int
    done: int
    failed: int
    events: int
    seconds: float
    rate: float
    cpu: float
    first: Times
    total: Times
    event: Times
    error: str


class Run(msgspec.Struct, frozen=True):
    """CPU in seconds, `peak` RSS in MiB. `accepted` and `stored` are exchanges, None without a worker behind."""

    workload: str
    target: str
    load: Load
    proxy_cpu: float
    behind_cpu: float
    peak: float
    accepted: int | None
    stored: int | None


def load(port: int, workload: Workload, options: list[str]) -> Load:
    """Send it and wait; BenchError when loadgen fails."""
    process = start_load(port, workload, options)
    out, _ = process.communicate()
    if process.returncode:
        raise BenchError(f"loadgen ended with {process.returncode}: look at its line above.")
    return msgspec.json.decode(out, type=Load)


def start_load(port: int, workload: Workload, options: list[str]) -> subprocess.Popen[bytes]:
    path = FOLDER / f"{workload.name}-{port}.http"
    workloads.write_request(path, workload.size, port, workload.events, workload.apart)
    command = [str(FOLDER / "loadgen"), "-p", str(port), "-f", str(path), *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    if not machine.cannot_pin():
        machine.pin([process.pid], LOAD_CORE)
    return process


def measure(target: Target, workload: Workload, seconds: float) -> Run:
    """All that the run causes counts, also what is done after its last answer."""
    before = target.system.stored() if target.system else 0
    warm = load(target.port, workload, list(WARM_UP))
    if target.system:
        before = target.system.settle(before + warm.done)
    _quiet(target)
    proxy, behind = machine.cpu(target.pids), machine.cpu(target.behind)
    with machine.Peak(target.pids, None if machine.cannot_pin() else LOAD_CORE) as peak:
        seen, more = _loaded(target, workload, seconds)
    accepted = seen.done + more if target.system else None
    stored = target.system.settle(before + seen.done + more) - before if target.system else None
    _quiet(target)
    return Run(
        workload=workload.name,
        target=target.name,
        load=seen,
        proxy_cpu=machine.cpu(target.pids) - proxy,
        behind_cpu=machine.cpu(target.behind) - behind,
        peak=peak.mib,
        accepted=accepted,
        stored=stored,
    )


def _loaded(target: Target, workload: Workload, seconds: float) -> tuple[Load, int]:
    """The load, and how many requests were answered beside it."""
    if not workload.large:
        return load(target.port, workload, workload.options(seconds)), 0
    process = start_load(target.port, workload, workload.options(seconds))
    time.sleep(seconds / 2)
    large = Workload("large", "", 1, size=workload.large)
    beside = load(target.port, large, ["-c", "1", "-n", "1", "-d", "5"])
    out, _ = process.communicate()
    if beside.failed:
        raise BenchError(f"The large request was not answered: {beside.error}")
    return msgspec.json.decode(out, type=Load), beside.done


def _quiet(target: Target) -> None:
    """Wait until nothing is done any more, a few seconds at most: the proxy's heartbeat never rests."""
    pids = (*target.pids, *target.behind)
    for _ in range(QUIET_TRIES if pids else 0):
        before = machine.cpu(pids)
        time.sleep(QUIET_SECONDS)
        if machine.cpu(pids) - before <= QUIET_CPU:
            return


def clear_requests() -> None:
    """Delete the files of requests."""
    for path in Path(FOLDER).glob("*.http"):
        path.unlink()
