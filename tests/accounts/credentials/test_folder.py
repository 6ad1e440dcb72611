import json
import logging
import os
from pathlib import Path

import pytest

from accounts.credentials import dead_tokens
from accounts.credentials.files import read
from accounts.credentials.folder import CredentialFolder
from accounts.snapshot.credentials import from_file


def put(path: Path, key: str) -> None:
    path.write_text(json.dumps({"type": "api_key", "api_key": key}))
    path.chmod(0o600)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "a.example.credentials.json"


def keys_of(folder: CredentialFolder) -> dict[str, str | None]:
    return {path.name: file.api_key if file else None for path, file in folder.files.items()}


def test_a_file_is_seen_when_it_comes_changes_and_goes(path: Path) -> None:
    folder = CredentialFolder(path.parent)
    assert not folder.scan()

    put(path, "one")
    assert folder.scan()
    assert not folder.scan()
    assert keys_of(folder) == {path.name: "one"}

    put(path, "three")
    assert folder.scan()
    assert keys_of(folder) == {path.name: "three"}

    path.unlink()
    assert folder.scan()
    assert keys_of(folder) == {}


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o600])
def test_a_file_that_others_may_read_is_told_once_with_the_command_that_closes_it(
    path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    folder = CredentialFolder(path.parent)
    put(path, "one")
    path.chmod(mode)

    folder.scan()
    folder.scan()

    reported = [(entry.message, entry.action) for entry in caplog.records]  # type: ignore[attr-defined]  # of `extra`
    assert reported == ([] if mode == 0o600 else [("credential_file.exposed", f"chmod 600 {path}")])
    assert keys_of(folder) == {path.name: "one"}


def test_a_change_that_keeps_size_and_time_is_seen(path: Path) -> None:
    folder = CredentialFolder(path.parent)
    put(path, "one")
    folder.scan()
    times = path.stat()

    path.unlink()
    put(path, "two")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    assert folder.scan()
    assert keys_of(folder) == {path.name: "two"}


def test_a_broken_file_keeps_its_place_and_is_named_without_its_content(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = CredentialFolder(path.parent)
    put(path, "one")
    folder.scan()

    path.write_text('{"api_key": "sk-ant-secret')
    with caplog.at_level(logging.WARNING):
        assert folder.scan()
        assert not folder.scan()

    assert keys_of(folder) == {path.name: None}
    (record,) = caplog.records
    assert (record.__dict__["file"], record.__dict__["why"]) == (path.name, "it is not JSON in UTF-8")


def test_names_that_are_no_domain_and_links_to_nowhere_do_not_count(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in [
        "..credentials.json",
        "a b.credentials.json",
        ".a.example.credentials.json.tmp",
        "notes.txt",
    ]:
        put(path.parent / name, "one")
    path.symlink_to("nowhere")
    folder = CredentialFolder(path.parent)

    with caplog.at_level(logging.WARNING):
        folder.scan()

    assert folder.files == {}
    assert [record.__dict__["why"] for record in caplog.records] == ["its name is no domain"] * 2


def test_a_folder_that_is_not_there_holds_no_files(tmp_path: Path) -> None:
    assert not CredentialFolder(tmp_path / "none").scan()


def test_a_folder_that_cannot_be_listed_keeps_what_was_read(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = CredentialFolder(path.parent)
    put(path, "one")
    folder.scan()
    unrelated = path.parent.rename(path.parent.with_name("aside"))
    path.parent.write_text("a file, not a folder")

    with caplog.at_level(logging.ERROR):
        assert not folder.scan()
        assert not folder.scan()

    assert keys_of(folder) == {path.name: "one"}
    assert [record.message for record in caplog.records] == ["credentials_folder.unreadable"]
    path.parent.unlink()
    unrelated.rename(path.parent)
    assert not folder.scan()


def test_a_note_of_a_dead_token_is_seen_when_it_comes_and_goes(path: Path) -> None:
    path.write_text(json.dumps({"type": "oauth", "oauth": {"refreshToken": "sk-ant-ort01-x"}}))
    folder = CredentialFolder(path.parent)
    folder.scan()

    dead_tokens.note(path, "sk-ant-ort01-x", "invalid_grant")
    assert folder.scan()
    assert not folder.scan()
    file = folder.files[path]
    assert file
    assert file.dead
    assert not from_file(file).refreshable

    dead_tokens.forget(path)
    assert folder.scan()
    file = folder.files[path]
    assert file
    assert file.dead is None


def test_a_note_says_nothing_of_a_file_that_became_an_api_key(path: Path) -> None:
    path.write_text(
        json.dumps({"type": "api_key", "api_key": "k", "oauth": {"refreshToken": "sk-ant-ort01-x"}})
    )
    dead_tokens.note(path, "sk-ant-ort01-x", "invalid_grant")

    assert read(path).dead is None
