"""Whatever is damaged of a spool, its counters are right to the number: on disk, in the database and on the dashboard."""

import os
from pathlib import Path

import msgspec
import pytest
import redis
from pytest_django.fixtures import Settings

from proxy import record
from proxy.heartbeat import SPOOLS_KEY
from proxy.record import Batch
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.segments import RESPONSE, Frame
from proxy.relay.spool.spool import Spool
from proxy.store.ingest import replay
from proxy.store.models import Exchange
from proxy.store.models import Spool as SpoolRow
from proxy.store.notifications import loss_check
from proxy.store.pipeline import pipeline
from tests.relay.examples import make_closing, make_head

pytestmark = pytest.mark.django_db

LIMIT = 400_000  # so that each record has a file of its own
COUNT = 12
REQUEST_MARK, RESPONSE_MARK = b"the middle of a request", b"the middle of an answer"


def body(mark: bytes) -> bytes:
    return bytes(15_000) + mark + bytes(15_000)


def accept(spool: Spool, number: int) -> None:
    request, response = body(REQUEST_MARK), body(RESPONSE_MARK)
    head = msgspec.structs.replace(make_head(request), domain=f"number-{number}.example")
    entry = spool.open(record.encode(head), b"" if number == 10 else request)
    if number == 10:
        spool.add_body(entry, request)
    spool.close(entry, response, record.encode(make_closing(response)))


def files(folder: Path) -> dict[int, Path]:
    """The file of each record; record 10 has its body in a file of its own, which is 0."""
    paths = sorted(path for path in folder.glob("*.seg") if path.stat().st_size)
    owners = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0, 11, 12]
    assert len(paths) == len(owners)
    return dict(zip(owners, paths, strict=True))


def flip(path: Path, what: bytes) -> None:
    content = path.read_bytes()
    at = content.index(what)
    path.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])


def harm(folder: Path) -> None:
    """A head, two bodies, an end, a whole file, half an answer, almost all of a file, a body's own file."""
    found = files(folder)
    flip(found[1], b"number-1.example")
    flip(found[2], REQUEST_MARK)
    flip(found[3], RESPONSE_MARK)
    flip(found[4], record.COMPLETE.encode())
    found[5].unlink()
    os.truncate(found[6], 45_000)
    os.truncate(found[7], 10)
    found[0].unlink()


def ship(spool: Spool) -> None:
    """What a shipper and a worker do with all that is ready."""
    while serials := spool.take(100, 10**9):
        records = [found for serial in serials if (found := read_record(spool, serial))]
        replay.store(Batch(spool.id, spool.accepted, spool.dropped, records, spool.bodies_dropped))
        spool.discard(serials)
    replay.store(Batch(spool.id, spool.accepted, spool.dropped, [], spool.bodies_dropped))


def say(spool: Spool, settings: Settings) -> None:
    with redis.Redis.from_url(settings.REDIS_URL) as client:
        client.hset(SPOOLS_KEY, spool.id, msgspec.json.encode(spool.heartbeat()))


def check(spool: Spool, settings: Settings, *, dropped: int, gaps: int, bodies: int) -> None:
    stored = COUNT - dropped - gaps
    say(spool, settings)
    assert (spool.accepted, spool.waiting, spool.dropped) == (COUNT, 0, dropped)
    assert spool.bodies_dropped == bodies
    found = pipeline()
    assert (found.accepted, found.stored, found.waiting) == (COUNT, stored, 0)
    assert (found.dropped, found.gaps, found.bodies_dropped) == (dropped, gaps, bodies)
    assert found.lost == dropped + gaps + bodies
    loss_check.watch()
    row = SpoolRow.objects.get()
    assert (row.accepted, row.stored, row.dropped) == (COUNT, stored, dropped)
    assert (row.bodies_dropped, row.lost) == (bodies, dropped + gaps + bodies)
    assert Exchange.objects.count() == stored


def fill(root: Path) -> Spool:
    spool = Spool(root / "0", LIMIT * 10)
    spool._files._segment_bytes = 50_000
    for number in range(1, COUNT + 1):
        accept(spool, number)
    return spool


def again(root: Path) -> Spool:
    return Spool(root / "0", LIMIT * 10)


def test_damage_under_a_running_process_is_counted_to_the_number(root: Path, settings: Settings) -> None:
    spool = fill(root)
    harm(root / "0")

    ship(spool)

    # 1 and 7 lost their beginning, 5 is gone; 2, 3, 6 and 10 lost a body, 4 its end alone.
    check(spool, settings, dropped=2, gaps=1, bodies=4)
    assert set(Exchange.objects.filter(outcome="aborted").values_list("serial", flat=True)) == {4}
    spool.shut()


def test_damage_between_two_processes_is_counted_to_the_number(root: Path, settings: Settings) -> None:
    fill(root).shut()
    harm(root / "0")

    spool = again(root)
    ship(spool)

    # Of 7 not even a frame is left that names it: it is missing, as 5.
    check(spool, settings, dropped=1, gaps=2, bodies=4)
    spool.shut()


@pytest.mark.parametrize("running", [True, False])
def test_a_restart_counts_nothing_again(root: Path, settings: Settings, running: bool) -> None:
    spool = fill(root)
    if running:
        harm(root / "0")
    else:
        spool.shut()
        harm(root / "0")
        spool = again(root)
    for _ in range(3):
        ship(spool)
        counts = (spool.accepted, spool.dropped, spool.bodies_dropped, spool.waiting)
        spool.save()
        spool.shut()
        spool = again(root)
        assert (spool.accepted, spool.dropped, spool.bodies_dropped, spool.waiting) == counts
    check(spool, settings, dropped=2 if running else 1, gaps=1 if running else 2, bodies=4)
    spool.shut()


def test_a_body_that_did_not_fit_is_counted_once_over_a_restart(root: Path, settings: Settings) -> None:
    spool = Spool(root / "0", 100_000)
    for _ in range(COUNT):
        head = make_head(body(REQUEST_MARK))
        entry = spool.open(record.encode(head), body(REQUEST_MARK))
        spool.close(entry, body(RESPONSE_MARK), record.encode(make_closing(body(RESPONSE_MARK))))
    bodies = spool.bodies_dropped
    spool.save()
    spool.shut()

    spool = Spool(root / "0", 100_000)
    ship(spool)

    assert bodies == COUNT - 1
    check(spool, settings, dropped=0, gaps=0, bodies=bodies)
    spool.shut()


def test_a_response_that_is_not_kept_is_no_loss_anywhere(root: Path, settings: Settings) -> None:
    spool = Spool(root / "0", LIMIT)
    for number in range(COUNT):
        entry = spool.open(record.encode(make_head()), b"")
        if number % 2:
            spool.append(entry, bytes(5000))  # the beginning, before it outgrew its bound
        closing = msgspec.structs.replace(
            make_closing(), response_size=10**9, response_not_kept=True, response_digest=b"d" * 32
        )
        spool.close(entry, b"", record.encode(closing))

    ship(spool)

    check(spool, settings, dropped=0, gaps=0, bodies=0)
    assert pipeline().healthy
    spool.shut()


def test_the_word_that_a_drop_is_counted_is_an_empty_piece(root: Path) -> None:
    spool = Spool(root / "0", 20_000)
    entry = spool.open(b"head", bytes(30_000))
    spool.close(entry, b"", b"closing")

    assert [frame.length for _, frame in entry.frames if is_response(frame)] == [0]
    spool.shut()


def is_response(frame: Frame) -> bool:
    return frame.kind == RESPONSE
