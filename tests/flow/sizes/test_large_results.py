"""Results of a hundred megabytes on the whole line: counted once, with flat memory, whoever is killed on the way.

NEXUS_RESULTS_MIB=300 makes the first test's file as large as one of 100,000 requests may be; its figures are printed with `-s`.
"""

import random
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from itertools import repeat
from uuid import uuid4

import httpx
import pytest

from nexus_project import env
from tests.bench.machine import rss
from tests.flow import raw_upstream
from tests.flow.conftest import Nexus
from tests.flow.operator import spools
from tests.flow.raw_upstream import KEEP, RawUpstream
from tests.flow.services import wait_for
from tests.wire.batch_files import answered, failed, usage

MIB = 1024**2
SIZE_MIB = int(env.child_environment({}).get("NEXUS_RESULTS_MIB", "64"))
BOUND = (SIZE_MIB + 8) * MIB
# A thousand lines in three megabytes, which compress badly and which no boundary of anything divides.
CHANCE = random.Random(1)
LINES = b"".join(
    failed(custom_id=f"request-{number}")
    if number % 100 == 99
    else answered(
        "claude-haiku-4-5", usage(10, 2), b64encode(CHANCE.randbytes(2300)).decode(), f"request-{number}"
    )
    for number in range(1000)
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    with raw_upstream.serve() as running:
        yield running


@pytest.fixture(scope="module")
def large(make_nexus: Callable[..., Nexus], upstream: RawUpstream) -> Nexus:
    return make_nexus(CLAUDE_API_BASE_URL=upstream.url, BATCH_RESULTS_MAX_BYTES=str(BOUND))


@contextmanager
def watched(*pids: int) -> Iterator[list[float]]:
    """The most memory of each process tree within, in MiB."""
    peaks = [rss([pid]) for pid in pids]
    done = threading.Event()

    def look() -> None:
        while not done.wait(0.05):
            for at, pid in enumerate(pids):
                peaks[at] = max(peaks[at], rss([pid]))

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield peaks
    finally:
        done.set()
        thread.join()


def play(upstream: RawUpstream, times: int, reported: int | None = None) -> str:
    """Have upstream answer with so many thousand lines, and promise `reported`; the name to ask by."""
    key = uuid4().hex
    length = (reported or times) * len(LINES)
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/x-jsonl\r\ncontent-length: %d\r\n\r\n" % length
    upstream.responses[key] = (head, *repeat(LINES, times), *([KEEP] if reported is None else []))
    return key


def fetch(nexus: Nexus, key: str, batch: str) -> str:
    """Read the results to their end; the exchange's id."""
    address = f"/v1/messages/batches/{batch}/results"
    client = nexus.client(**{"x-play": key, "x-api-key": "sk-ant-api03-mine"})
    with client.stream("GET", address, timeout=60) as response:
        assert response.status_code == 200
        for _ in response.iter_raw():
            pass
    return response.headers["x-nexus-id"]


def digest_of(times: int) -> str:
    found = sha256()
    for _ in range(times):
        found.update(LINES)
    return found.hexdigest()


@pytest.mark.timeout(300)
def test_results_of_any_size_are_counted_once_with_flat_memory(large: Nexus, upstream: RawUpstream) -> None:
    times = SIZE_MIB * MIB // len(LINES)
    batch = f"msgbatch_{uuid4().hex}"
    large.stored(fetch(large, play(upstream, 1), f"msgbatch_{uuid4().hex}"))  # imports
    pids = large.proxy.popen.pid, large.worker.popen.pid
    before = [rss([pid]) for pid in pids]
    began = time.monotonic()

    with watched(*pids) as peaks:
        exchange = fetch(large, play(upstream, times), batch)
        fetched = time.monotonic()
        row = large.stored(exchange, 240)
        stored = time.monotonic()

    print(
        f"\n{times * len(LINES) / MIB:.0f} MiB, {times * 1000} lines: fetched in {fetched - began:.1f} s, stored after"
        f" {stored - fetched:.1f} s; proxy {before[0]:.0f} to {peaks[0]:.0f} MiB, worker {before[1]:.0f} to {peaks[1]:.0f} MiB"
    )
    assert (row["input_tokens"], row["output_tokens"]) == (times * 9_900, times * 1_980)
    assert (row["cost_state"], row["response_bytes"]) == ("exact", times * len(LINES))
    [body] = large.rows("SELECT * FROM proxy_exchangebody WHERE id = %s", exchange)
    assert (body["response_not_kept"], body["response_dropped"]) == (True, False)
    assert body["response_digest"].hex() == digest_of(times)
    assert large.rows("SELECT * FROM proxy_resultsreader") == []
    assert large.rows("SELECT 1 FROM proxy_spool WHERE bodies_dropped + dropped > 0") == []
    assert peaks[0] - before[0] < 16, peaks
    assert peaks[1] - before[1] < 64, peaks

    again = large.stored(fetch(large, play(upstream, times), batch), 240)
    assert (again["cost_state"], again["usage"]["batch"]["counted_by"]) == ("none", exchange)


@pytest.mark.timeout(300)
def test_results_count_once_when_everything_is_killed_between_two_parts(
    make_nexus: Callable[..., Nexus], upstream: RawUpstream
) -> None:
    nexus = make_nexus(CLAUDE_API_BASE_URL=upstream.url)
    exchange = fetch(nexus, play(upstream, 12), f"msgbatch_{uuid4().hex}")

    wait_for(lambda: nexus.rows("SELECT 1 FROM proxy_resultsreader WHERE next_byte > 0"), 120, nexus._words)
    for item in (nexus.worker, nexus.proxy):
        item.kill()
        item.start()
    row = nexus.stored(exchange)

    assert (row["input_tokens"], row["output_tokens"], row["cost_state"]) == (118_800, 23_760, "exact")
    wait_for(
        lambda: [(spool.accepted, spool.stored, spool.waiting) for spool in spools(nexus)] == [(1, 1, 0)]
    )
    assert [spool.bodies_dropped for spool in spools(nexus)] == [0]
    assert nexus.rows("SELECT 1 FROM proxy_resultsreader") == []


def test_a_download_that_breaks_off_counts_nothing_and_the_next_whole_one_does(
    large: Nexus, upstream: RawUpstream
) -> None:
    batch = f"msgbatch_{uuid4().hex}"
    with pytest.raises(httpx.RemoteProtocolError):
        fetch(large, play(upstream, 5, reported=6), batch)
    query = "SELECT * FROM proxy_exchange WHERE path LIKE %s"
    wait_for(lambda: large.rows(query, f"%{batch}%"), 120, large._words)
    [cut] = large.rows(query, f"%{batch}%")
    counted = large.stored(fetch(large, play(upstream, 5), batch))

    assert (cut["outcome"], cut["cost_state"], cut["output_tokens"]) == ("upstream_cut", "partial", None)
    assert cut["response_bytes"] == 5 * len(LINES)
    assert (counted["cost_state"], counted["output_tokens"]) == ("exact", 5 * 1_980)


def test_results_beyond_the_bound_pass_unharmed_count_nothing_and_are_no_loss(
    large: Nexus, upstream: RawUpstream
) -> None:
    times = BOUND // len(LINES) + 1
    row = large.stored(fetch(large, play(upstream, times), f"msgbatch_{uuid4().hex}"))

    size = times * len(LINES)
    assert (row["cost_state"], row["output_tokens"], row["response_bytes"]) == ("partial", None, size)
    [body] = large.rows("SELECT * FROM proxy_exchangebody WHERE id = %s", row["id"])
    assert (body["response_not_kept"], body["response_digest"].hex()) == (True, digest_of(times))
    assert large.rows("SELECT 1 FROM proxy_spool WHERE bodies_dropped + dropped > 0") == []
