"""The Makefile as somebody meets it first."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR

MAKE = shutil.which("make") or "/usr/bin/make"


def make(*arguments: str, path: Path | None = None) -> "subprocess.CompletedProcess[str]":
    # Of the make that runs the suite: with them this one would print the folder that it enters.
    without = dict.fromkeys(("MAKEFLAGS", "MAKELEVEL", "MFLAGS"), "")
    environment = env.child_environment({**without, **({"PATH": str(path)} if path else {})})
    return subprocess.run(
        [MAKE, *arguments], cwd=BASE_DIR, env=environment, capture_output=True, text=True, check=False
    )


def test_make_alone_lists_every_target() -> None:
    listed = re.findall(r"^  make ([\w-]+) ", make().stdout, re.MULTILINE)

    declared = re.search(r"^\.PHONY: (.*)$", (BASE_DIR / "Makefile").read_text(), re.MULTILINE)
    assert declared
    assert sorted(listed) == sorted(declared[1].split())


def test_without_a_python_that_is_new_enough_make_says_what_to_install(tmp_path: Path) -> None:
    old = tmp_path / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)

    done = make("setup", f"VENV={tmp_path}/.venv", path=tmp_path)

    assert done.returncode != 0
    assert "nexus: Python 3.11 to 3.14 with its venv module is needed" in done.stderr
    assert not (tmp_path / ".venv").exists()


# A Python that makes an environment of copies of itself, and says what it was asked for.
STUB = """#!/bin/sh
case "$*" in
    "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    "-m pip "*) echo "asked: $*" ;;
    --version) echo "Python 3.13.9" ;;
esac
"""


def test_make_setup_says_what_it_does_and_lets_pip_show_its_progress(tmp_path: Path) -> None:
    python = tmp_path / "python3.13"
    python.write_text(STUB)
    python.chmod(0o755)

    done = make("setup", f"VENV={tmp_path}/.venv", path=Path(f"{tmp_path}:/usr/bin:/bin"))

    first, second, pip, last = done.stdout.splitlines()
    assert first.endswith(".venv with Python 3.13.9")
    assert re.match(r"Installing the \d{3} packages .* takes minutes$", second)
    assert pip.startswith("asked: -m pip install ")
    assert "--quiet" not in pip
    assert last == "Ready: make demo, or make run"


@pytest.mark.parametrize("name", ["base", "embedded", "dev"])
def test_every_locked_requirement_has_a_hash_and_no_index_is_named(name: str) -> None:
    lines = (BASE_DIR / "requirements" / f"{name}.txt").read_text().splitlines()
    pinned = [number for number, line in enumerate(lines) if re.match(r"[\w.\[\]-]+==", line)]

    assert len(pinned) > 20
    assert all(lines[number + 1].lstrip().startswith("--hash=sha256:") for number in pinned)
    assert not [line for line in lines if "index-url" in line or "find-links" in line]
