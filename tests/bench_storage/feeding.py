"""How many exchanges a second workers store, each a process of its own."""

import subprocess
import sys

import msgspec
from django.db import connection

from nexus_project import env
from tests.bench_storage.feed import Fed

WORKERS, BATCHES = 2, 60
BAR = 500.0
# As many pieces as the month has exchanges: seeded exchanges share theirs, and an index of few pieces would flatter.
_CHUNKS = """
INSERT INTO proxy_blob (month, digest, data, size)
SELECT month, substr(sha256(convert_to(number::text, 'UTF8')), 1, 16), '\\x00', 1
FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC')::date) AS this (month),
LATERAL (SELECT count(*) FROM proxy_exchange WHERE id >= nexus_uuid_floor(month::timestamp AT TIME ZONE 'UTC')) AS held (exchanges),
LATERAL generate_series(1, exchanges) AS number
ON CONFLICT DO NOTHING
"""


def fill_chunks() -> None:
    """Make this month's pieces many."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nexus_ensure_month(current_date)")
        cursor.execute(_CHUNKS)
        cursor.execute("ANALYZE proxy_blob")


def rate(first: int, batches: int = BATCHES) -> float:
    """Exchanges a second; each worker's number, from `first` on, makes its exchanges other ones."""
    workers = [_start(first + number, batches) for number in range(WORKERS)]
    for worker in workers:
        assert worker.stdout
        worker.stdout.readline()
    responses = [msgspec.json.decode(said, type=Fed) for said in _results(workers)]
    seconds = max(response.ended for response in responses) - min(response.began for response in responses)
    return sum(response.stored for response in responses) / seconds


def _start(number: int, batches: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench_storage.feed", str(number), str(batches)],
        cwd=env.BASE_DIR,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _results(workers: list["subprocess.Popen[str]"]) -> list[str]:
    """All are ready: say go to each, then hear each out."""
    for worker in workers:
        assert worker.stdin
        worker.stdin.write("go\n")
        worker.stdin.flush()
    said = [worker.communicate()[0] for worker in workers]
    for worker in workers:
        if worker.returncode:
            raise RuntimeError(f"a worker of the load ended with status {worker.returncode}")
    return said
