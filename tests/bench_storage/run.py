"""One run: seed, read, ingest. Django is set up, its servers run."""

import random
import time
from collections.abc import Callable, Iterator

from django.core.management import call_command

from dashboard import reading
from dashboard.queries.storage import storage
from proxy import token_stats
from proxy.store.models import Rollup
from tests.bench_storage import feeding
from tests.bench_storage.addresses import PAGE_MS, addresses, known
from tests.bench_storage.measure import Measured, measure, timed
from tests.bench_storage.report import Report, sizes


def fill(exchanges: int) -> tuple[float, float]:
    """Measure ingest while all is empty, then seed; exchanges a second, and seconds of the seeding."""
    rate = feeding.rate(0)
    started = time.monotonic()
    call_command("seed_traffic", "--yes", exchanges=exchanges)
    return rate, time.monotonic() - started


def measured(empty_rate: float, seconds: float, runs: int, say: Callable[[str], None]) -> Report:
    """Measure a filled database."""
    reads = []
    for read in _reads(runs):
        say(f"{read.name}: {read.p95:.1f} ms at p95")
        reads.append(read)
    with reading.reads(reading.EVERYTHING):
        held = storage()
    rollups = Rollup.objects.count()
    exchanges = sum(total["requestCount"] for total in token_stats.all_domains().values())
    feeding.fill_chunks()
    full_rate = feeding.rate(feeding.WORKERS)
    return Report(exchanges, seconds, rollups, sizes(held), reads, empty_rate, full_rate)


def _reads(runs: int) -> Iterator[Measured]:
    draw = random.Random(1)
    found = known(draw)
    for address in addresses(found, draw):
        yield measure(address, runs)
    yield timed("/token-stats", token_stats.token_stats, PAGE_MS, runs)
    some = lambda: token_stats.token_stats(draw.choice(found.domains))  # noqa: E731
    yield timed("/token-stats, one domain", some, PAGE_MS, runs)
