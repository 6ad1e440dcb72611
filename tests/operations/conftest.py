"""Slots of a spool as processes leave them, and the command as an operator runs it."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
import redis
from django.core.management import call_command
from pytest_django.fixtures import Settings

from proxy import record
from proxy.heartbeat import SPOOLS_KEY
from proxy.record import Record
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.spool import Spool
from proxy.store.ingest import replay
from tests.relay.examples import make_closing, make_head

LIMIT = 64 * 1024**2


@pytest.fixture
def root(tmp_path: Path, settings: Settings) -> Path:
    """The folder of the slots."""
    settings.NEXUS_DATA_DIR = tmp_path
    settings.SPOOL_MAX_BYTES = LIMIT
    return tmp_path / "spool"


@pytest.fixture(autouse=True)
def no_heartbeats(settings: Settings) -> Iterator[None]:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.delete(SPOOLS_KEY)
        yield
        client.delete(SPOOLS_KEY)


def accept(spool: Spool, body: bytes = b"body", response: bytes = b"answer") -> str:
    """A whole exchange; its id."""
    head = make_head(body)
    entry = spool.open(record.encode(head), body)
    spool.close(entry, response, record.encode(make_closing(response)))
    return head.id


def left_behind(root: Path, count: int, directory: str = "0") -> list[str]:
    """A slot whose process is gone; the ids of what waits in it."""
    spool = Spool(root / directory, LIMIT)
    ids = [accept(spool, f"body {number}".encode()) for number in range(count)]
    spool.shut()
    return ids


def store_from(spool: Spool, count: int) -> list[Record]:
    """What a worker has committed, though the spool was not notified."""
    serials = spool.take(count, LIMIT)
    records = [found for serial in serials if (found := read_record(spool, serial))]
    replay.store(record.Batch(spool.id, spool.accepted, spool.dropped, records))
    spool.give_back(serials)
    return records


Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run() -> Run:
    """`manage.py spool …`: its exit code and what it wrote."""

    def run(*words: str | Path) -> tuple[int, str, str]:
        out, errors = StringIO(), StringIO()
        try:
            call_command("spool", *map(str, words), stdout=out, stderr=errors)
        except SystemExit as end:
            return int(str(end.code)), out.getvalue(), errors.getvalue()
        return 0, out.getvalue(), errors.getvalue()

    return run


@pytest.fixture
def listed(run: Run) -> Callable[[], dict[str, Any]]:
    """What `list --json` says."""

    def listed() -> dict[str, Any]:
        found: dict[str, Any] = json.loads(run("list", "--json")[1])
        return found

    return listed
