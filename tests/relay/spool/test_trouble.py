"""The spool in trouble: full, refused by the disk, damaged; each loss is the smallest possible and is counted."""

import errno
import shutil
from pathlib import Path

import pytest

from proxy.relay.spool import spool as module
from proxy.relay.spool import writer
from proxy.relay.spool.directory import SpoolDirectory
from proxy.relay.spool.record import Spooled
from proxy.relay.spool.spool import Spool
from proxy.relay.spool.unread import look_through
from tests.relay.disk import bytes_of_segments, newest_segment, no_file_beyond, open_descriptors
from tests.relay.examples import put

MIB = 1024**2
ALL = 10**6


def drops(caplog: pytest.LogCaptureFixture, event: str) -> list[tuple[int, str]]:
    return [
        (record.__dict__["serial"], record.__dict__["why"])
        for record in caplog.records
        if record.msg == event
    ]


def test_when_the_spool_is_full_bodies_go_first_then_records(
    small: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    put(small, bytes(99_000), b"")
    put(small, bytes(5000), b"")
    for _ in range(40):
        put(small, b"", b"")
    assert (small.dropped, small.bodies_dropped) == (0, 1)

    while not small.dropped:
        entry = put(small, b"", b"")

    assert drops(caplog, "spool.body_dropped") == [(2, writer.FULL)]
    assert drops(caplog, "spool.dropped") == [(entry.serial, writer.FULL)]
    assert small.used < 100_000 * writer.HEADROOM + 100
    assert small.accepted == small.waiting + small.dropped


def test_an_answer_that_outgrows_the_spool_loses_its_body_only(
    small: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    entry = small.open(b"head", b"body")
    wanted = [small.append(entry, bytes(30_000)) for _ in range(5)]
    small.close(entry, bytes(30_000), b"closing")
    [serial] = small.take(10, ALL)
    found = small.read(serial)

    assert wanted == [True, True, True, False, False]
    assert found
    assert (found.closing, found.request_body, found.response_body) == (b"closing", b"body", bytes(90_000))
    assert drops(caplog, "spool.body_dropped") == [(1, writer.FULL)]
    assert (small.bodies_dropped, small.dropped) == (1, 0)


def test_the_number_of_waiting_records_is_bounded(spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "MAX_WAITING", 3)
    for _ in range(5):
        put(spool)

    assert (spool.accepted, spool.waiting, spool.dropped) == (5, 3, 2)


def test_a_disk_that_takes_only_the_head_costs_the_body(spool: Spool, tmp_path: Path) -> None:
    with no_file_beyond(2000):
        put(spool, bytes(5000), bytes(5000))
    [serial] = spool.take(10, ALL)

    assert spool.read(serial) == Spooled(1, b"head", b"closing", b"", b"")
    assert (spool.dropped, spool.bodies_dropped) == (0, 1)
    assert spool.used == bytes_of_segments(tmp_path / "0") < 2000


def test_a_disk_that_takes_no_piece_of_an_answer_costs_the_answer(spool: Spool) -> None:
    entry = spool.open(b"head", b"body")
    with no_file_beyond(500):
        assert spool.append(entry, bytes(5000)) is False
    spool.close(entry, b"", b"closing")
    [serial] = spool.take(10, ALL)

    assert spool.read(serial) == Spooled(1, b"head", b"closing", b"body", b"")


def test_a_disk_that_takes_no_head_costs_the_record_and_is_counted(
    spool: Spool, caplog: pytest.LogCaptureFixture
) -> None:
    with no_file_beyond(20):
        entry = spool.open(b"head", b"body")
    spool.append(entry, b"piece")
    spool.close(entry, b"piece", b"closing")

    assert (spool.accepted, spool.waiting, spool.dropped, spool.ready) == (1, 0, 1, 0)
    assert drops(caplog, "spool.dropped") == [(1, writer.REFUSED)]


def test_an_end_that_the_disk_refuses_is_kept_in_memory(spool: Spool, tmp_path: Path) -> None:
    entry = spool.open(b"head", b"body")
    with no_file_beyond(newest_segment(tmp_path / "0").stat().st_size):
        spool.close(entry, b"piece", b"closing")
    [serial] = spool.take(10, ALL)

    assert spool.read(serial) == Spooled(1, b"head", b"closing", b"body", b"")
    assert (spool.dropped, spool.bodies_dropped) == (0, 1)


def test_an_end_that_the_disk_refused_outlives_a_kill_once_the_disk_takes_it(
    spool: Spool, tmp_path: Path
) -> None:
    entries = [spool.open(b"head", b"body") for _ in range(3)]
    segment = newest_segment(tmp_path / "0")
    with no_file_beyond(segment.stat().st_size):
        for entry in entries:
            spool.close(entry, b"piece", b"closing")
        spool.save()
    assert spool.take(1, ALL) == [1]
    spool.discard([1])
    spool.save()
    size = segment.stat().st_size
    spool.save()
    assert segment.stat().st_size == size

    shutil.copytree(tmp_path / "0", tmp_path / "killed" / "0")
    again = Spool(tmp_path / "killed" / "0", spool._writer._limit)
    assert [again.read(serial) for serial in again.take(10, ALL)] == [
        Spooled(1, b"head", b"", b"body", b""),  # it was stored: nobody waits for its end
        Spooled(2, b"head", b"closing", b"body", b""),
        Spooled(3, b"head", b"closing", b"body", b""),
    ]
    assert again.bodies_dropped == 3
    again.shut()


def test_without_a_new_file_the_old_one_grows_on(
    small: Spool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> int:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patch:
        patch.setattr(small._directory, "new_segment", refuse)
        for _ in range(8):
            put(small, bytes(5000))

    assert (small.waiting, small.dropped, small.bodies_dropped) == (8, 0, 0)
    assert len(list((tmp_path / "0").glob("*.seg"))) == 1
    assert "spool.not_rotated" in caplog.messages


def test_a_large_body_without_room_or_without_a_disk_is_dropped_and_counted(
    small: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    too_large, refused = (small.open(b"head", b"") for _ in range(2))
    small.add_body(too_large, bytes(200_000))
    with no_file_beyond(1000):
        small.add_body(refused, bytes(50_000))

    assert drops(caplog, "spool.body_dropped") == [(1, writer.FULL), (2, writer.REFUSED)]
    assert small.used == bytes_of_segments(tmp_path / "0")
    assert small.waiting == 2


def test_a_large_body_for_which_no_file_can_be_made_goes_into_the_old_one(
    small: Spool, tmp_path: Path
) -> None:
    entry = small.open(b"head", b"")
    (tmp_path / "0").rename(tmp_path / "away")
    small.add_body(entry, bytes(50_000))
    (tmp_path / "away").rename(tmp_path / "0")
    small.close(entry, b"", b"closing")
    [serial] = small.take(10, ALL)

    assert small.read(serial) == Spooled(1, b"head", b"closing", bytes(50_000), b"")
    assert small.used == bytes_of_segments(tmp_path / "0")


def test_a_folder_that_is_away_makes_records_wait_and_a_deleted_one_is_a_gap(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(spool)
    put(spool)
    first, second = spool.take(10, ALL)
    (tmp_path / "0").rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        spool.read(first)
    (tmp_path / "away").rename(tmp_path / "0")

    assert spool.read(first) == Spooled(1, b"head", b"closing", b"body", b"piece")
    shutil.rmtree(tmp_path / "0")
    assert spool.read(second) is None
    assert (spool.waiting, spool.dropped) == (1, 0)
    assert "spool.gone" in caplog.messages


def test_a_damaged_body_costs_the_body_and_is_set_aside(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(spool, b"request-body", b"response-body")
    put(spool)
    path = newest_segment(tmp_path / "0")
    path.write_bytes(path.read_bytes().replace(b"response-body", b"response-bodx"))

    spool.take(10, ALL)

    assert spool.read(1) == Spooled(1, b"head", b"closing", b"request-body", b"")
    assert spool.read(2) == Spooled(2, b"head", b"closing", b"body", b"piece")
    [kept] = (tmp_path / "0" / "damaged").iterdir()
    assert kept.read_bytes().endswith(b"response-bodx")
    assert [record.__dict__["kept"] for record in caplog.records if record.msg == "spool.damaged"] == [
        str(kept)
    ]


def test_a_damaged_beginning_costs_the_record_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = Spool(tmp_path / "0", MIB)
    put(spool, b"", b"")
    put(spool)
    path = newest_segment(tmp_path / "0")
    path.write_bytes(path.read_bytes().replace(b"head", b"hexd", 1))
    spool.take(10, ALL)

    assert spool.read(1) is None
    assert (spool.accepted, spool.waiting, spool.dropped) == (2, 1, 1)
    assert drops(caplog, "spool.dropped") == [(1, module.DAMAGED)]

    spool.shut()
    for _ in range(2):
        after = Spool(tmp_path / "0", MIB)
        assert (after.accepted, after.waiting, after.dropped) == (2, 1, 1)
        assert after.used == bytes_of_segments(tmp_path / "0")
        after.shut()


def test_a_drop_that_the_disk_does_not_note_is_counted_all_the_same(
    spool: Spool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    put(spool)
    spool.take(1, ALL)
    with no_file_beyond(10):
        spool.reject(1, "it cannot be decoded")

    assert (spool.waiting, spool.dropped, spool.used) == (0, 1, bytes_of_segments(tmp_path / "0"))
    assert {"spool.counts_not_saved", "spool.not_deleted", "spool.damaged"} <= set(caplog.messages)


def test_a_rejected_record_in_an_old_file_does_not_keep_it_open(small: Spool, tmp_path: Path) -> None:
    for _ in range(4):
        put(small, bytes(5000))
    taken = small.take(10, ALL)
    descriptors = open_descriptors()
    small.reject(taken[0], "it cannot be decoded")

    assert open_descriptors() == descriptors
    small.discard(taken)
    assert small.used == bytes_of_segments(tmp_path / "0")


def test_a_file_that_somebody_deleted_is_not_waited_for(small: Spool, tmp_path: Path) -> None:
    entry = small.open(b"head", bytes(20_000))
    put(small, bytes(1000))
    small.close(entry, b"piece", b"closing")
    others = small.open(b"head", b"")
    first, second = list(dict.fromkeys(file for file, _ in entry.frames))
    taken = small.take(10, ALL)
    (tmp_path / "0").rename(tmp_path / "away")
    second.seal()
    small.discard(taken)
    assert small._files._leaving  # its folder is away: the word has to wait
    (tmp_path / "away").rename(tmp_path / "0")
    second.path.unlink()

    small.try_again()

    assert not small._files._leaving
    assert not first.path.exists()
    assert others.frames


def test_a_file_that_vanishes_while_a_process_starts_is_passed_over(tmp_path: Path) -> None:
    first = Spool(tmp_path / "0", MIB)
    put(first)
    first.shut()
    directory = SpoolDirectory(tmp_path / "0")
    directory.found.append(tmp_path / "0" / "gone.seg")

    found = look_through(directory)
    directory.release()

    assert (len(found.files), found.unread) == (1, [])
