"""What a killed process leaves behind is taken over once, whole, and counted."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proxy.relay.spool.recovery import Leftovers, claim
from proxy.relay.spool.spool import Spool
from tests.relay.disk import bytes_of_segments, newest_segment
from tests.relay.examples import put
from tests.relay.writer import LIMIT, fragment_of

ALL = 10**7


def read_all(spool: Spool) -> dict[int, tuple[bytes, bytes, int]]:
    """By serial: closing, response, length of the request; all are taken."""
    found = {}
    while taken := spool.take(100, ALL):
        for serial in taken:
            only = spool.read(serial)
            assert only
            found[serial] = (only.closing, only.response_body, len(only.request_body))
    return found


def test_two_processes_take_different_slots(tmp_path: Path) -> None:
    first, second = claim(tmp_path / "spool", LIMIT), claim(tmp_path / "spool", LIMIT)

    assert first.id != second.id
    assert sorted(path.name for path in (tmp_path / "spool").iterdir()) == ["0", "1"]
    first.shut()
    second.shut()


def test_serials_go_on_after_a_restart_without_gap_or_reuse(tmp_path: Path) -> None:
    spool = claim(tmp_path, LIMIT)
    name, serials = spool.id, []
    for _ in range(5):
        serials += [put(spool).serial for _ in range(3)]
        spool.discard(spool.take(2, ALL))
        spool.shut()
        spool = claim(tmp_path, LIMIT)

    assert spool.id == name
    assert serials == list(range(1, 16))
    assert spool.accepted == 15
    spool.shut()


def test_serials_go_on_when_all_before_is_confirmed_and_deleted(tmp_path: Path) -> None:
    spool = claim(tmp_path, LIMIT)
    for _ in range(3):
        put(spool)
    spool.discard(spool.take(10, ALL))
    spool.shut()

    spool = claim(tmp_path, LIMIT)

    assert (spool.accepted, spool.waiting, bytes_of_segments(tmp_path / "0")) == (3, 0, 0)
    assert put(spool).serial == 4
    spool.shut()


def test_a_serial_that_never_reached_the_disk_is_given_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 1000)
    put(spool, b"", bytes(200))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "pwritev", _killed)
        with pytest.raises(KeyboardInterrupt):
            spool.open(b"head", b"")
    files = len(list((tmp_path / "0").glob("*.seg")))
    spool.shut()

    spool = Spool(tmp_path / "0", 1000)

    assert (files, spool.accepted, put(spool).serial) == (2, 1, 2)
    spool.shut()


def _killed(*_: object) -> int:
    raise KeyboardInterrupt


def test_dropped_exchanges_keep_their_serials_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 1000)
    for _ in range(30):
        put(spool, b"", b"")
    dropped = spool.dropped
    spool.shut()

    spool = Spool(tmp_path / "0", 1000)

    assert (spool.accepted, spool.dropped, spool.waiting) == (30, dropped, 30 - dropped)
    assert 0 < dropped < 30
    spool.shut()


def test_pieces_of_a_long_answer_keep_their_order_after_a_restart(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "0", 10**6)
    entry = spool.open(b"head", b"")
    fragments = [f"{number:03d}".encode() * 4000 for number in range(60)]
    for fragment in fragments:
        spool.append(entry, fragment)
    spool.close(entry, b"", b"closing")
    files = len(list((tmp_path / "0").glob("*.seg")))
    spool.shut()

    spool = Spool(tmp_path / "0", 10**6)

    assert files > 4
    assert read_all(spool) == {1: (b"closing", b"".join(fragments), 0)}
    spool.shut()


def test_an_exchange_that_was_running_comes_back_without_an_end(tmp_path: Path) -> None:
    spool = claim(tmp_path, LIMIT)
    spool.append(spool.open(b"head", b"body"), b"piece")
    spool.shut()

    spool = claim(tmp_path, LIMIT)

    assert read_all(spool) == {1: (b"", b"piece", 4)}
    spool.shut()


def test_an_end_that_stayed_in_memory_comes_back_as_none_and_is_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = claim(tmp_path, LIMIT)
    entry = spool.open(b"head", b"body")
    with monkeypatch.context() as patch:
        patch.setattr(spool._writer, "_write", lambda *_: False)
        spool.close(entry, b"", b"closing")
    spool.shut()

    spool = claim(tmp_path, LIMIT)

    assert (spool.accepted, spool.dropped, read_all(spool)) == (1, 0, {1: (b"", b"", 4)})
    spool.shut()


def test_a_record_without_its_beginning_is_counted_once_over_many_restarts(tmp_path: Path) -> None:
    spool = claim(tmp_path, LIMIT)
    put(spool)
    put(spool)
    spool.shut()
    path = newest_segment(tmp_path / "0")
    path.write_bytes(path.read_bytes().replace(b"head", b"hexd", 1))
    for _ in range(3):
        spool = claim(tmp_path, LIMIT)
        assert (spool.accepted, spool.dropped, spool.waiting) == (2, 1, 1)
        spool.shut()

    assert len(list((tmp_path / "0" / "damaged").iterdir())) == 4  # its head, and what is whole of it


def test_damage_never_keeps_a_process_from_starting(tmp_path: Path) -> None:
    spool = claim(tmp_path, LIMIT)
    put(spool)
    spool.shut()
    path = newest_segment(tmp_path / "0")
    content = path.read_bytes()
    for size in range(len(content), -1, -1):
        path.write_bytes(content[:size])
        spool = Spool(tmp_path / "0", LIMIT)
        assert spool.accepted == spool.waiting + spool.dropped <= 1
        spool.shut()
        for left in [*(tmp_path / "0").glob("*.seg"), tmp_path / "0" / "counts"]:
            left.unlink()


def test_a_slot_that_cannot_be_read_whole_is_passed_over_and_shipped_later(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    broken = tmp_path / "0" / f"{1:010d}-{0:020d}-01234567-89ab-4def-8123-456789abcdef.seg"
    broken.mkdir()

    spool = claim(tmp_path, LIMIT)
    assert spool.folder == tmp_path / "1"
    spool.shut()

    broken.rmdir()
    spool = claim(tmp_path, LIMIT)
    assert spool.folder == tmp_path / "0"
    spool.shut()


def test_a_slot_that_cannot_be_used_is_passed_over_and_a_root_that_cannot_is_told(tmp_path: Path) -> None:
    (tmp_path / "0" / "lock").mkdir(parents=True)

    spool = claim(tmp_path, LIMIT)
    assert spool.folder == tmp_path / "1"
    spool.shut()
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        claim(tmp_path / "file", LIMIT)


def test_leftovers_are_taken_over_once_and_not_again_when_they_are_shipped(tmp_path: Path) -> None:
    dead = [Spool(tmp_path / name, LIMIT) for name in ("1", "2")]
    for spool in dead:
        put(spool)
        spool.shut()
    own = claim(tmp_path, LIMIT)

    leftovers = Leftovers(tmp_path, LIMIT)
    first, second = leftovers.claim(0)
    assert [first.id, second.id] == [spool.id for spool in dead]
    assert leftovers.claim(0) == []

    first.discard(first.take(10, ALL))
    first.shut()
    second.shut()
    [again] = leftovers.claim(0)
    assert again.id == second.id
    again.discard(again.take(10, ALL))
    again.shut()
    assert leftovers.claim(0) == []
    own.shut()


def test_a_folder_that_is_gone_has_no_leftovers(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")

    assert Leftovers(tmp_path / "nowhere", LIMIT).claim(0) == []
    assert Leftovers(tmp_path, LIMIT).claim(0) == []


def test_a_file_that_its_owner_deletes_meanwhile_is_no_leftover(tmp_path: Path) -> None:
    (tmp_path / "0").mkdir()
    (tmp_path / "0" / "gone.seg").symlink_to(tmp_path / "nowhere")

    assert Leftovers(tmp_path, LIMIT).claim(0) == []


def test_leftovers_that_cannot_be_used_are_tried_again_and_told_each_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    dead = Spool(tmp_path / "0", LIMIT)
    put(dead)
    dead.shut()
    (tmp_path / "0" / "lock").unlink()
    (tmp_path / "0" / "lock").mkdir()
    leftovers = Leftovers(tmp_path, LIMIT)

    assert [leftovers.claim(now) for now in (0, 5, 59)] == [[], [], []]
    assert caplog.messages == ["spool.unusable"]
    assert leftovers.claim(60) == []
    assert caplog.messages == ["spool.unusable"] * 2

    (tmp_path / "0" / "lock").rmdir()
    [found] = leftovers.claim(120)
    assert found.ready == 1
    found.shut()


def test_a_folder_of_slots_that_cannot_be_listed_is_told_each_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").write_text("")
    leftovers = Leftovers(tmp_path / "file", LIMIT)

    assert [leftovers.claim(now) for now in (0, 5, 59, 60)] == [[]] * 4
    assert caplog.messages == ["spool.unusable"] * 2


def test_whatever_moment_a_process_is_killed_at_nothing_is_lost_or_counted_twice(tmp_path: Path) -> None:
    reported: dict[str, set[int]] = {"open": set(), "closed": set(), "confirmed": set()}
    for seconds in (0.05, 0.11, 0.17, 0.02):
        for word, serials in _write_until_killed(tmp_path / "0", seconds):
            reported[word] |= serials

    spool = claim(tmp_path, LIMIT)
    found = read_all(spool)
    spool.discard(list(found))
    spool.shut()

    assert (spool.dropped, spool.bodies_dropped) == (0, 0)
    assert reported["open"] | reported["confirmed"] | set(found) == set(range(1, spool.accepted + 1))
    assert reported["open"] - reported["confirmed"] <= set(found)
    for serial in set(found) - reported["confirmed"]:
        closing, response, request = found[serial]
        assert closing == b"closing" if serial in reported["closed"] else closing in {b"closing", b""}
        if closing:
            assert (response, request) == (fragment_of(serial), 20_300 if serial % 3 == 0 else 300)
    assert (spool.waiting, bytes_of_segments(tmp_path / "0")) == (0, 0)


def _write_until_killed(folder: Path, seconds: float) -> list[tuple[str, set[int]]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.relay.writer", str(folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout
    lines = [process.stdout.readline()]
    time.sleep(seconds)
    process.kill()
    lines += process.stdout.read().splitlines()
    process.wait()
    process.stdout.close()
    return [(words[0], set(map(int, words[1:]))) for line in lines if (words := line.split())]
