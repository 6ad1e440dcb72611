"""The folder of a spool: held by one process, and readable after any kill."""

from pathlib import Path

import pytest

from proxy.relay.spool import directory as module
from proxy.relay.spool.directory import DirectoryTaken, SpoolDirectory
from proxy.relay.spool.segments import OPEN, Damage


def test_a_folder_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    first = SpoolDirectory(tmp_path / "0")

    with pytest.raises(DirectoryTaken, match="0"):
        SpoolDirectory(tmp_path / "0")

    first.release()
    SpoolDirectory(tmp_path / "0").release()


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    directory = SpoolDirectory(tmp_path / "0")
    segment = directory.new_segment(0)
    directory.save_counts(1, 1)
    directory.release()
    segment.seal()

    assert (tmp_path / "0").stat().st_mode & 0o777 == 0o700
    assert segment.path.stat().st_mode & 0o777 == 0o600


def test_identity_and_count_are_found_again(tmp_path: Path) -> None:
    directory = SpoolDirectory(tmp_path / "0")
    directory.new_segment(0).seal()
    directory.new_segment(41).seal()
    directory.save_counts(43, 2)
    directory.release()

    again = SpoolDirectory(tmp_path / "0")
    again.release()

    assert (again.id, again.accepted, again.dropped) == (directory.id, 43, 2)
    assert [path.name[:31] for path in again.found] == [
        f"000000000{n}-{a:020d}" for n, a in ((1, 0), (2, 41))
    ]
    following = again.new_segment(43)
    following.seal()
    assert following.path.name.startswith("0000000003-")


@pytest.mark.parametrize("content", ["", "garbage", "x" * 100, "\x00" * 79])
def test_counts_that_a_crash_left_unreadable_are_told_and_passed_over(
    tmp_path: Path, content: str, caplog: pytest.LogCaptureFixture
) -> None:
    directory = SpoolDirectory(tmp_path / "0")
    directory.new_segment(41).seal()
    directory.release()
    (tmp_path / "0" / "counts").write_text(content)

    again = SpoolDirectory(tmp_path / "0")
    again.release()

    assert (again.id, again.accepted, again.dropped) == (directory.id, 41, 0)
    assert caplog.messages == ["spool.counts_unreadable"]


def test_files_of_others_are_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "0"
    folder.mkdir()
    for name in ("notes.txt", "foo.seg", "1-1-1.seg"):
        (folder / name).write_text("mine")

    directory = SpoolDirectory(folder)
    directory.release()

    assert directory.found == []
    assert (folder / "foo.seg").read_text() == "mine"


@pytest.mark.parametrize("obstacle", ["lock", "counts"])
def test_a_folder_that_cannot_be_used_raises_and_is_let_go(tmp_path: Path, obstacle: str) -> None:
    (tmp_path / "0" / obstacle).mkdir(parents=True)

    with pytest.raises(IsADirectoryError):
        SpoolDirectory(tmp_path / "0")

    (tmp_path / "0" / obstacle).rmdir()
    SpoolDirectory(tmp_path / "0").release()


def test_a_file_in_place_of_the_folder_raises(tmp_path: Path) -> None:
    (tmp_path / "0").write_text("")

    with pytest.raises(FileExistsError):
        SpoolDirectory(tmp_path / "0")


def test_what_is_set_aside_is_bounded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "MAX_DAMAGE_BYTES", 100)
    directory = SpoolDirectory(tmp_path / "0")
    segment = directory.new_segment(0)
    segment.append(1, [(OPEN, bytes(200))])
    for damage in (Damage(0, 60), Damage(60, 60), Damage(0, 60), Damage(120, 40)):
        directory.keep_damage(segment, damage)
    segment.seal()
    directory.release()

    kept = sorted(path.stat().st_size for path in (tmp_path / "0" / "damaged").iterdir())
    assert kept == [40, 60]
    assert [bool(record.__dict__["kept"]) for record in caplog.records] == [True, False, True, True]
    assert "look at what it holds" in caplog.records[1].__dict__["why"]


def test_a_file_that_another_holder_made_meanwhile_is_passed_over(tmp_path: Path) -> None:
    directory = SpoolDirectory(tmp_path / "0")
    theirs = tmp_path / "0" / f"{1:010d}-{0:020d}-{directory.id}.seg"  # where the file system knows no locks
    theirs.write_bytes(b"theirs")

    made = directory.new_segment(0)
    made.seal()
    directory.release()

    assert made.path.name.startswith(f"{2:010d}-")
    assert theirs.read_bytes() == b"theirs"
