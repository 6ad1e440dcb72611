"""Whose a folder outside of the clone is, and whether anybody needs it."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import account, owned_folders
from nexus_project.stack.machine.account import Account
from nexus_project.stack.machine.owned_folders import Owner

HOLD = """
import sys
from pathlib import Path
from nexus_project.stack.machine import owned_folders
print(owned_folders.make_temporary(owned_folders.DATA), flush=True)
sys.stdin.read()
"""


def owner_of(folder: Path) -> Owner:
    found = owned_folders.owner_of(folder)
    assert found
    return found


def test_a_folder_says_for_which_clone_and_data_folder_it_was_made(tmp_path: Path) -> None:
    data_dir = tmp_path / "Däten und \udcff"
    owned_folders.mark(tmp_path, data_dir)

    owner = owner_of(tmp_path)

    assert owner.is_of(BASE_DIR)
    assert not owner.clone_is_gone()
    assert owner.data == str(data_dir)
    assert owner.temporary
    assert owner.data_is_gone()
    data_dir.mkdir()
    assert not owner.data_is_gone()


def test_data_in_the_clone_are_not_temporary_wherever_the_clone_lies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owned_folders, "BASE_DIR", tmp_path)
    owned_folders.mark(tmp_path, tmp_path / "var")

    assert not owner_of(tmp_path).temporary


def test_what_lies_on_a_disk_that_is_not_mounted_is_not_gone(tmp_path: Path) -> None:
    owned_folders.mark(tmp_path, tmp_path / "away")
    owner = owner_of(tmp_path)
    assert owner.data_is_gone()

    assert not replace(owner, data_disk=str(tmp_path)).data_is_gone()


def test_what_this_account_may_not_look_at_is_not_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_folders.mark(tmp_path, tmp_path / "closed")
    owner = owner_of(tmp_path)

    def refuse(path: Path) -> os.stat_result:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "stat", refuse)
    assert not owner.data_is_gone()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"clone": 1, "more": 2}', "\udcff"])
def test_a_mark_that_is_none_names_nobody(tmp_path: Path, text: str) -> None:
    (tmp_path / owned_folders.MARK).write_bytes(os.fsencode(text))

    assert owned_folders.owner_of(tmp_path) is None


def test_a_mark_of_another_account_or_behind_a_link_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    owned_folders.mark(tmp_path, tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / owned_folders.MARK).symlink_to(tmp_path / owned_folders.MARK)
    assert owned_folders.owner_of(tmp_path / "other") is None

    stranger = os.geteuid() + 1
    monkeypatch.setattr(os, "geteuid", lambda: stranger)
    assert owned_folders.owner_of(tmp_path) is None


def test_a_folder_is_held_until_the_process_that_made_it_ends_however() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        folder = Path(process.stdout.readline().strip())
        assert owned_folders.is_held(folder)
        process.kill()
        process.wait()

    assert not owned_folders.is_held(folder)
    assert folder in owned_folders.temporary()
    owned_folders.remove(folder)


def test_a_process_that_inherits_a_hold_keeps_it_and_a_new_mark_does_not_break_it(tmp_path: Path) -> None:
    owned_folders.mark(tmp_path, tmp_path / "before")
    with (
        owned_folders.holding(tmp_path) as held,
        subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, pass_fds=held) as process,
    ):
        owned_folders.mark(tmp_path, tmp_path / "after")
        assert owned_folders.is_held(tmp_path)
        assert process.stdin
        process.stdin.close()
        process.wait()
        assert owned_folders.is_held(tmp_path)

    assert not owned_folders.is_held(tmp_path)


def test_a_folder_for_sockets_has_a_short_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / ("long" * 20)))

    folder = owned_folders.make_temporary(owned_folders.RUN)

    assert len(str(folder)) < 40
    owned_folders.remove(folder)


@pytest.mark.parametrize(("mode", "used"), [(0o711, True), (0o700, False)])
def test_a_folder_that_postgresqls_account_cannot_reach_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int, used: bool
) -> None:
    opened = Path(tempfile.mkdtemp(dir="/tmp"))  # below it everybody may pass
    own = opened / "own"
    own.mkdir(mode=mode)
    opened.chmod(0o711)
    monkeypatch.setattr(tempfile, "tempdir", str(own))
    monkeypatch.setattr(account, "dropped", lambda: Account(54321, 54321))

    folder = owned_folders.make_temporary(owned_folders.RUN)

    assert (folder.parent == own) is used
    owned_folders.remove(folder)
    shutil.rmtree(opened)


def test_a_data_folder_that_was_moved_takes_its_home_along_and_a_copy_gets_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owned_folders, "SYSTEM_FOLDER", tmp_path)
    data_dir = tmp_path / "data"
    data_dir.mkdir()
    before = owned_folders.settle_home(data_dir)
    (before / "cluster").touch()
    shutil.copytree(data_dir, tmp_path / "copy")

    of_the_copy = owned_folders.settle_home(tmp_path / "copy")
    moved = data_dir.rename(tmp_path / "moved")
    with owned_folders.holding(before):
        assert owned_folders.home_before(moved) is None
    after = owned_folders.settle_home(moved)

    assert not (of_the_copy / "cluster").exists()
    assert after == owned_folders.home(moved) != before
    assert (after / "cluster").exists()
    assert not before.exists()
    assert owner_of(after).data == str(moved)
    assert owned_folders.settle_home(moved) == after


@pytest.mark.parametrize("noted", ["/", "/etc", "\0", "", "nexus-0123456789ab"])
def test_a_note_that_names_no_home_is_not_followed(tmp_path: Path, noted: str) -> None:
    (tmp_path / owned_folders.NOTE).write_text(noted)

    assert owned_folders.home_before(tmp_path) is None


def test_other_programs_folders_are_none_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned_folders, "SYSTEM_FOLDER", tmp_path)
    for name in ("nexus", "nexus-repository", "nexus-0123456789ab", "nexus-0123456789abc"):
        (tmp_path / name).mkdir()
    (tmp_path / "nexus-aaaaaaaaaaaa").symlink_to(tmp_path / "nexus-0123456789ab")
    (tmp_path / "nexus-bbbbbbbbbbbb").touch()

    assert owned_folders.homes() == [tmp_path / "nexus-0123456789ab"]


def test_a_link_in_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")

    with pytest.raises(OSError, match="symbolic link"):
        owned_folders.remove(tmp_path / "link")

    assert (tmp_path / "real").is_dir()
