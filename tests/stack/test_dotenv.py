"""The `.env` file."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from nexus_project.stack import dotenv
from nexus_project.stack.errors import StackError


def written(path: Path, text: str, mode: int = 0o600) -> Path:
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_first_start_makes_it_with_fresh_secrets_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".env"

    made = dotenv.ensure(path)

    values = dict(line.split("=", 1) for line in path.read_text().splitlines() if not line.startswith("#"))
    Fernet(values["FIELD_ENCRYPTION_KEYS"])
    assert made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert values["STORAGE_ENABLED"] == "true"
    assert min(len(values["SECRET_KEY"]), len(values["DASHBOARD_API_KEY"])) >= 32


def test_two_first_starts_make_different_secrets(tmp_path: Path) -> None:
    dotenv.ensure(tmp_path / "a")
    dotenv.ensure(tmp_path / "b")

    assert (tmp_path / "a").read_text() != (tmp_path / "b").read_text()


def test_a_file_that_exists_is_never_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path / ".env", "# mine\nexport A=1\n\nB=2\nC=\n")

    made = dotenv.ensure(path)

    assert not made
    assert path.read_text() == "# mine\nexport A=1\n\nB=2\nC=\n"


def test_a_broken_line_is_named_by_its_number_and_never_shown(tmp_path: Path) -> None:
    path = written(tmp_path / ".env", "A=1\nsecret without equals sign\n")

    with pytest.raises(StackError, match="line 2 is not of the form NAME=value") as caught:
        dotenv.ensure(path)

    assert "secret without" not in str(caught.value)


def test_a_file_that_others_may_read_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / ".env", "A=1\n", mode=0o644)

    with pytest.raises(StackError, match=r"mode 644\): run chmod 600"):
        dotenv.ensure(path)


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_bytes(b"A=\xff\xfe\n")
    path.chmod(0o600)

    with pytest.raises(StackError, match="cannot be read as text"):
        dotenv.ensure(path)


def test_a_folder_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="cannot be written"):
        dotenv.ensure(tmp_path / "missing" / ".env")


def test_first_starts_at_the_same_moment_make_one_file(tmp_path: Path) -> None:
    path = tmp_path / ".env"

    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(dotenv.ensure, [path] * 8))

    assert made.count(True) == 1
