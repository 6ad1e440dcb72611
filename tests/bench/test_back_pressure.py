"""Clients that stall must not fill the proxy: what they do not read stays upstream."""

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.bench import build, machine
from tests.bench.leavers import request, stalled
from tests.bench.system import system, upstream
from tests.flow.conftest import FREE_DATABASES

CLIENTS = 100
EVENTS = 700_000  # of 150 bytes: each stream has 100 MB
FILLING_SECONDS, STALLED_SECONDS = 60, 6
MIB_PER_STREAM = 1.75  # what aiohttp reads at a time in pieces of an event, a piece of ours, and what the socket did not take
MORE_MIB = 3  # while nothing moves


@pytest.mark.slow
@pytest.mark.timeout(500)  # half a minute; on a machine that has other things to do it may take longer
def test_a_hundred_clients_that_stall_on_streams_of_100_mb_keep_the_proxy_small(tmp_path: Path) -> None:
    build.build()
    with ExitStack() as running:
        number = FREE_DATABASES.pop(0)
        running.callback(FREE_DATABASES.append, number)
        _, port = running.enter_context(upstream())
        started = running.enter_context(system(number, (), port))
        pids = [started.proxy.popen.pid]
        before, asked = machine.rss(pids), request(tmp_path, started.port, EVENTS)

        connections = [running.enter_context(stalled(started.port, asked)) for _ in range(CLIENTS)]
        full = _when_full(pids)
        with machine.Peak(pids, core=None) as peak:
            time.sleep(STALLED_SECONDS)

        assert {connection.recv(15) for connection in connections} == {b"HTTP/1.1 200 OK"}
        assert full - before <= CLIENTS * MIB_PER_STREAM, f"{before:.0f} MiB became {full:.0f}"
        assert peak.mib - full <= MORE_MIB, f"{full:.0f} MiB became {peak.mib:.0f}"


def _when_full(pids: list[int]) -> float:
    """Their memory when it no longer grows: the kernel's buffers are full first, which takes seconds."""
    deadline, full = time.monotonic() + FILLING_SECONDS, machine.rss(pids)
    while time.monotonic() < deadline:
        time.sleep(3)
        before, full = full, machine.rss(pids)
        if full - before < 1:
            break
    return full
