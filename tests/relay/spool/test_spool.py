"""The spool while it works: bytes, order, room, and who waits for whom."""

import gc
import logging
import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proxy.relay.spool.files import Files
from proxy.relay.spool.record import Spooled
from proxy.relay.spool.spool import Spool
from tests.relay.disk import bytes_of_segments, open_descriptors
from tests.relay.examples import put

MIB = 1024**2
ALL = 10**6


def test_an_exchange_comes_back_byte_for_byte(spool: Spool) -> None:
    entry = spool.open(b"head", b"\x00request\xff")
    spool.append(entry, b"first ")
    spool.append(entry, b"second ")
    spool.close(entry, b"last", b"closing")

    assert spool.take(10, ALL) == [1]
    assert spool.read(1) == Spooled(1, b"head", b"closing", b"\x00request\xff", b"first second last")


def test_a_running_exchange_waits_but_is_not_taken(spool: Spool) -> None:
    spool.open(b"head", b"")

    assert (spool.take(10, ALL), spool.waiting, spool.ready) == ([], 1, 0)


def test_only_the_first_close_counts_and_nothing_is_added_after_it(spool: Spool) -> None:
    entry = put(spool)
    spool.close(entry, b"more", b"another closing")

    assert spool.append(entry, b"more") is False
    assert spool.take(10, ALL) == [1]
    assert spool.read(1) == Spooled(1, b"head", b"closing", b"body", b"piece")


def test_a_batch_is_bounded_by_count_and_by_bytes(spool: Spool) -> None:
    for _ in range(5):
        put(spool, b"b" * 100, b"")

    assert spool.take(2, ALL) == [1, 2]
    assert spool.take(10, 250) == [3, 4]
    assert spool.take(10, 250) == [5]


def test_a_record_larger_than_a_batch_travels_alone(spool: Spool) -> None:
    put(spool, b"b" * (2 * MIB))
    put(spool)
    put(spool, b"b" * (2 * MIB))

    assert [spool.take(100, MIB) for _ in range(3)] == [[1], [2], [3]]


def test_what_is_given_back_comes_first_again_in_its_order(spool: Spool) -> None:
    for _ in range(4):
        put(spool)
    spool.give_back(spool.take(3, ALL))

    assert spool.take(10, ALL) == [1, 2, 3, 4]


def test_what_was_discarded_or_never_taken_cannot_be_given_back(spool: Spool) -> None:
    put(spool)
    put(spool)
    taken = spool.take(1, ALL)
    spool.discard(taken)
    spool.give_back([1, 2, 77])

    assert (spool.take(10, ALL), spool.waiting) == ([2], 1)


def test_what_was_given_back_is_not_discarded_by_a_late_word(spool: Spool) -> None:
    put(spool)
    spool.give_back(spool.take(1, ALL))
    spool.discard([1, 77])

    assert (spool.take(10, ALL), spool.waiting) == ([1], 1)


def test_confirmed_files_are_deleted_and_their_room_is_free_again(small: Spool, tmp_path: Path) -> None:
    for _ in range(40):
        put(small, bytes(5000))
        small.discard(small.take(10, ALL))

    assert (small.waiting, small.dropped, small.bodies_dropped) == (0, 0, 0)
    assert small.used == bytes_of_segments(tmp_path / "0") < 20_000


def test_a_long_stream_does_not_keep_the_files_of_others(small: Spool, tmp_path: Path) -> None:
    running = small.open(b"head", b"")
    for _ in range(40):
        put(small, bytes(5000))
        small.discard(small.take(10, ALL))
    small.append(running, b"still here")
    small.close(running, b"", b"closing")
    [serial] = small.take(10, ALL)
    found = small.read(serial)

    assert found
    assert found.response_body == b"still here"
    assert small.used == bytes_of_segments(tmp_path / "0") < 40_000


def test_a_large_body_lies_in_a_file_of_its_own(spool: Spool, tmp_path: Path) -> None:
    body = os.urandom(3 * MIB)
    entry = spool.open(b"head", b"")
    spool.add_body(entry, body)
    spool.close(entry, b"piece", b"closing")
    used = spool.used
    [serial] = spool.take(10, ALL)

    assert spool.read(serial) == Spooled(1, b"head", b"closing", body, b"piece")
    assert used == bytes_of_segments(tmp_path / "0") > 3 * MIB

    spool.discard([serial])

    assert spool.used == bytes_of_segments(tmp_path / "0") < 1000


def test_a_body_for_an_exchange_that_has_ended_is_not_written(spool: Spool, tmp_path: Path) -> None:
    entry = put(spool, b"")
    spool.add_body(entry, bytes(MIB))

    assert bytes_of_segments(tmp_path / "0") == spool.used < 1000


@pytest.fixture
def slow_file(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[threading.Event, threading.Event]]:
    """The writing of a file of its own begins (first event) and goes on when the second one is set."""
    begun, go_on = threading.Event(), threading.Event()
    write = Files.write_alone

    def slowly(self: Files, serial: int, body: bytes, accepted: int) -> object:
        begun.set()
        assert go_on.wait(10)
        return write(self, serial, body, accepted)

    monkeypatch.setattr(Files, "write_alone", slowly)
    yield begun, go_on
    go_on.set()


def test_an_exchange_that_ends_while_its_body_is_written_is_shipped_whole(
    spool: Spool, slow_file: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_file
    entry = spool.open(b"head", b"")
    writer = threading.Thread(target=spool.add_body, args=(entry, bytes(MIB)))
    writer.start()
    assert begun.wait(10)
    spool.close(entry, b"", b"closing")
    early = spool.take(10, ALL)
    go_on.set()
    writer.join()

    assert (early, spool.take(10, ALL)) == ([], [1])
    assert spool.read(1) == Spooled(1, b"head", b"closing", bytes(MIB), b"")


def test_others_go_on_while_a_large_body_is_written(
    spool: Spool, slow_file: tuple[threading.Event, threading.Event]
) -> None:
    begun, go_on = slow_file
    writer = threading.Thread(target=spool.add_body, args=(spool.open(b"head", b""), bytes(MIB)))
    writer.start()
    assert begun.wait(10)
    put(spool)
    others = spool.take(10, ALL)
    go_on.set()
    writer.join()

    assert others == [2]


def test_the_bytes_of_a_spooled_body_are_not_held_in_memory(spool: Spool) -> None:
    large = [bytes(300_000) + os.urandom(1) for _ in range(3)]
    entry = spool.open(b"head", large[0])
    spool.append(entry, large[1])
    spool.add_body(entry, large[2])
    gc.collect()

    holders = [referrer for referrer in gc.get_referrers(*large) if isinstance(referrer, list | tuple)]
    # Newer Pythons also name the tuple of the call itself.
    assert [holder for holder in holders if list(holder) != large] == []


def test_thousands_of_waiting_files_need_no_descriptors(small: Spool) -> None:
    before = open_descriptors()
    for _ in range(15):
        entry = small.open(b"head", b"")
        small.add_body(entry, bytes(5000))
        small.close(entry, b"", b"closing")

    assert open_descriptors() == before


def test_the_event_loops_side_is_quick(spool: Spool, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)
    best = float("inf")
    for _ in range(20):
        began = time.thread_time()
        for _ in range(100):
            spool.close(spool.open(bytes(1000), bytes(2000)), bytes(2000), bytes(800))
        best = min(best, (time.thread_time() - began) / 100)
        spool.discard(spool.take(100, ALL))

    assert best < 150e-6  # ten times what it takes on an idle machine


def test_a_body_that_is_lacking_counts_once_and_not_after_its_exchange_is_stored(spool: Spool) -> None:
    put(spool)
    put(spool)
    assert spool.take(10, ALL) == [1, 2]
    spool.lack_body(1)
    spool.lack_body(1)
    spool.discard([2])
    spool.lack_body(2)

    assert spool.bodies_dropped == 1
