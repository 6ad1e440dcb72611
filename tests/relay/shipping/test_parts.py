"""A large file of results leaves the spool in parts, and the record comes with the last one."""

import random
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import pytest

from proxy import record
from proxy.relay.shipping.parts import parts_of
from proxy.relay.spool.assemble import read_record
from proxy.relay.spool.spool import Spool
from tests.relay.disk import newest_segment
from tests.relay.examples import put
from tests.relay.large import FRAGMENTS, accept_results, parts, small_bounds

BODY = b"".join(FRAGMENTS)
ALL = 10**9


@pytest.fixture(autouse=True)
def _small_bounds() -> Iterator[None]:
    with small_bounds():
        yield


def test_the_parts_together_are_the_body_and_the_last_one_brings_the_record(spool: Spool) -> None:
    exchange = accept_results(spool)

    *earlier, last = found = parts(spool)

    assert [(part.exchange, part.offset, len(part.data)) for part in found] == [
        (exchange, 0, 3000),
        (exchange, 3000, 3000),
        (exchange, 6000, 3000),
        (exchange, 9000, 1000),
    ]
    assert b"".join(part.data for part in found) == BODY
    assert [part.batch for part in earlier] == [None] * 3
    assert last.batch
    assert (last.batch.spool, last.batch.accepted) == (spool.id, 1)
    [whole] = last.batch.records
    assert (whole.head.id, whole.serial, whole.response_body) == (exchange, 1, b"")
    closing = whole.closing
    assert (closing.response_not_kept, closing.response_dropped) == (True, False)
    assert (closing.response_size, closing.response_digest) == (10_000, sha256(BODY).digest())
    assert (closing.outcome, closing.status) == (record.COMPLETE, 200)


def test_pieces_of_any_size_are_cut_where_they_end(spool: Spool) -> None:
    chance = random.Random(5)
    fragments = [chance.randbytes(chance.randrange(1, 2500)) for _ in range(40)]
    accept_results(spool, fragments)

    found = parts(spool)

    assert b"".join(part.data for part in found) == b"".join(fragments)
    assert max(len(part.data) for part in found) < 3000 + 2500
    offsets = [sum(len(part.data) for part in found[:at]) for at in range(len(found))]
    assert [part.offset for part in found] == offsets


def test_what_is_not_large_or_no_file_of_results_travels_whole(spool: Spool) -> None:
    accept_results(spool, FRAGMENTS[:4])
    accept_results(spool, target="/v1/files/file_1/content")
    accept_results(spool, status=404)
    accept_results(spool, headers=[("content-encoding", "gzip")])

    serials = spool.take(10, ALL)

    assert [parts_of(spool, [serial]) for serial in serials] == [None] * 4
    assert parts_of(spool, serials) is parts_of(spool, []) is None
    bodies = [found.response_body for serial in serials if (found := read_record(spool, serial))]
    assert bodies == [b"".join(FRAGMENTS[:4]), BODY, BODY, BODY]


def test_a_response_that_is_not_kept_is_not_even_read(spool: Spool, reads: list[int]) -> None:
    accept_results(spool, response_not_kept=True, response_size=10**9, response_digest=b"d" * 32)
    [serial] = spool.take(1, ALL)
    reads.clear()

    assert parts_of(spool, [serial]) is None
    found = read_record(spool, serial)

    assert found
    assert 1000 not in reads
    assert (found.response_body, found.closing.response_dropped) == (b"", False)
    assert (found.closing.response_size, found.closing.response_digest) == (10**9, b"d" * 32)


def test_a_small_response_that_is_not_kept_is_left_out(spool: Spool) -> None:
    accept_results(spool, FRAGMENTS[:1], response_not_kept=True, response_size=5000)
    [serial] = spool.take(1, ALL)

    found = read_record(spool, serial)

    assert found
    assert (found.response_body, found.closing.response_dropped) == (b"", False)


def test_a_download_that_was_killed_travels_in_parts_too(tmp_path: Path) -> None:
    dead = Spool(tmp_path / "1", 1024**2)
    accept_results(dead, ended=False)
    dead.shut()
    spool = Spool(tmp_path / "1", 1024**2)

    found = parts(spool)
    spool.shut()

    assert b"".join(part.data for part in found) == BODY
    batch = found[-1].batch
    assert batch
    closing = batch.records[0].closing
    assert (closing.outcome, closing.response_not_kept) == (record.ABORTED, True)
    assert (closing.response_size, closing.response_digest) == (10_000, sha256(BODY).digest())


def test_of_results_that_the_spool_dropped_in_part_nothing_is_sent(spool: Spool) -> None:
    accept_results(spool, response_size=12_000)

    [only] = parts(spool)

    assert (only.offset, only.data) == (0, b"")
    assert only.batch
    closing = only.batch.records[0].closing
    assert (closing.response_dropped, closing.response_not_kept, closing.response_size) == (
        True,
        False,
        12_000,
    )


def test_damage_in_the_middle_ends_the_parts_and_is_counted_once(spool: Spool, tmp_path: Path) -> None:
    accept_results(spool)
    path = newest_segment(tmp_path / "0")
    path.write_bytes(path.read_bytes().replace(FRAGMENTS[4], FRAGMENTS[4][:-1] + b"x"))

    first, last = parts(spool)

    assert (len(first.data), last.offset, last.data) == (3000, 3000, b"")
    assert last.batch
    closing = last.batch.records[0].closing
    assert (closing.response_dropped, closing.response_not_kept, closing.response_size) == (
        True,
        False,
        10_000,
    )
    assert (spool.bodies_dropped, last.batch.bodies_dropped, spool.dropped) == (1, 1, 0)
    assert list((tmp_path / "0" / "damaged").iterdir())


@pytest.mark.parametrize("large", [True, False])
def test_a_damaged_beginning_costs_the_record_once(spool: Spool, tmp_path: Path, *, large: bool) -> None:
    accept_results(spool, FRAGMENTS if large else FRAGMENTS[:1])
    path = newest_segment(tmp_path / "0")
    path.write_bytes(path.read_bytes().replace(b"nexus.example", b"nexus-example"))
    [serial] = spool.take(1, ALL)

    assert (parts_of(spool, [serial]) is None) is (read_record(spool, serial) is None) is True
    assert (spool.dropped, spool.waiting) == (1, 0)


def test_a_large_record_that_nobody_can_decode_is_rejected(spool: Spool) -> None:
    put(spool, b"", bytes(5000))
    [serial] = spool.take(1, ALL)

    assert read_record(spool, serial) is None
    assert (spool.dropped, spool.waiting) == (1, 0)
