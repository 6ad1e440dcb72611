"""`make clean`, in a clone of its own: what goes, what stays, and what is reported."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import owned_folders, processes
from tests.stack.conftest import NO_ADDRESSES

PACKAGES = ("nexus_project", "accounts", "proxy")
# With other folders in place of /var/lib and /tmp, so that nothing of this machine is ever touched.
SCRIPT = """
import sys
from pathlib import Path
from nexus_project.stack import __main__
from nexus_project.stack.machine import owned_folders
owned_folders.SYSTEM_FOLDER = owned_folders.SHORT_FOLDER = Path(sys.argv.pop(1))
sys.exit(__main__.main())
"""


@dataclass(frozen=True)
class Clone:
    """A copy of what `clean` needs, with folders in place of those for temporary files and of /var/lib."""

    root: Path

    @property
    def folder(self) -> Path:
        return self.root / "ein Klön"

    @property
    def system(self) -> Path:
        return self.root / "lib"

    @property
    def temporary(self) -> Path:
        return self.root / "tmp"

    def environment(self) -> dict[str, str]:
        own = {"NEXUS_DATA_DIR": "", "NEXUS_ENV_FILE": "", "TMPDIR": str(self.temporary)}
        return env.child_environment({**NO_ADDRESSES, **own})

    def clean(self, *options: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", SCRIPT, str(self.system), "clean", *options]
        return subprocess.run(
            command, cwd=self.folder, env=self.environment(), capture_output=True, text=True, check=False
        )

    def lines(self, *options: str) -> list[str]:
        """What a clean that succeeds says of the folders of this clone."""
        done = self.clean(*options)
        assert done.returncode == 0, done.stdout + done.stderr
        return [line for line in done.stdout.splitlines() if str(self.root) in line]

    def make(self, folder: Path, data: Path | None = None, clone: Path | None = None) -> Path:
        """A folder that a clone, this one by default, made for a data folder."""
        (folder / "below").mkdir(parents=True)
        disk = next(str(parent) for parent in folder.parents if os.path.ismount(parent))
        data, clone = data or folder, clone or self.folder
        owner = {"clone": str(clone), "clone_disk": disk, "data": str(data), "data_disk": disk}
        is_temporary = data.is_relative_to(self.temporary)
        (folder / owned_folders.MARK).write_text(json.dumps({**owner, "temporary": is_temporary}))
        return folder

    def home(self, number: int, data: Path, clone: Path | None = None) -> Path:
        return self.make(self.system / f"nexus-{number:012x}", data, clone)


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    made = Clone(tmp_path)
    for package in PACKAGES:
        shutil.copytree(
            BASE_DIR / package, made.folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for folder in (made.system, made.temporary, made.folder / "var"):
        folder.mkdir()
    return made


def written(folder: Path, *names: str) -> list[Path]:
    """Files of these names, below the folder."""
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("A=b\n")
    return [folder / name for name in names]


def test_caches_go_and_what_people_made_stays(clone: Clone) -> None:
    gone = written(
        clone.folder,
        *(
            ".mypy_cache/a",
            ".coverage",
            ".coverage.host.1",
            "proxy/relay/__pycache__/a.pyc",
            "var/bench/loadgen",
        ),
    )
    kept = written(
        clone.folder,
        *(".env", "credentials/a.json", "var/postgres/a", "var/spool/b", ".venv/lib/__pycache__/a.pyc"),
    )

    [said] = clone.lines()

    assert not [path for path in gone if path.exists()]
    assert [path for path in kept if path.exists()] == kept
    assert said.endswith("the data of this clone; make clean CLEAN_OPTIONS=--data removes them")


def test_data_go_when_that_is_said_with_their_home_but_never_keys(clone: Clone) -> None:
    home = clone.home(1, clone.folder / "var" / "demo")
    gone = written(clone.folder, "var/spool/b", "var/demo/beat/schedule")
    kept = written(clone.folder, ".env", "credentials/a.json")
    assert [line for line in clone.lines() if line.startswith(f"kept {home}") and "the database of" in line]
    assert home.exists()

    clone.lines("--data")

    assert not home.exists()
    assert not [path for path in gone if path.exists()]
    assert [path for path in kept if path.exists()] == kept


def test_a_data_folder_elsewhere_or_behind_a_link_is_named_and_stays(clone: Clone) -> None:
    elsewhere = written(clone.root / "elsewhere", "postgres/a", "bench/b")
    (clone.folder / "var").rmdir()
    (clone.folder / "var").symlink_to(clone.root / "elsewhere")

    said = clone.lines("--data")

    assert f"kept {clone.folder / 'var'}: it is a link to {clone.root / 'elsewhere'}" in said
    assert [path for path in elsewhere if path.exists()] == elsewhere


def test_the_homes_and_folders_of_a_clone_that_is_gone_go(clone: Clone) -> None:
    other = clone.root / "gone"
    gone = [
        clone.home(1, other / "var" / "demo", other),
        clone.make(clone.temporary / "nexus-run-abcdefgh", other / "var", other),
    ]

    said = clone.lines()

    assert not [path for path in gone if path.exists()]
    assert sum(line.startswith("removed") and line.endswith(f"{other} is gone") for line in said) == 2


def test_the_home_of_a_clone_that_was_moved_stays_for_its_next_start(clone: Clone) -> None:
    before = clone.root / "before"
    home = clone.home(1, before / "var" / "demo", before)
    [note] = written(clone.folder, f"var/demo/{owned_folders.NOTE}")
    note.write_text(f"{home}\n")

    clone.lines()

    assert home.exists()


def test_nothing_of_another_clone_that_is_there_goes_not_even_what_looks_left(clone: Clone) -> None:
    other = clone.root / "other"
    other.mkdir()
    kept = [
        clone.home(1, other / "var", other),
        clone.home(2, clone.temporary / "no more", other),
        clone.make(clone.temporary / "nexus-data-abcdefgh", None, other),
    ]

    said = clone.lines("--data")

    assert [path for path in kept if path.exists()] == kept
    assert not [line for line in said for folder in kept if str(folder) in line]


def test_what_killed_commands_of_this_clone_left_goes_with_its_homes(clone: Clone) -> None:
    data = clone.make(clone.temporary / "nexus-tests-abcdefgh")
    home = clone.home(1, data / "nexus-data-12345678")

    clone.lines()

    assert not data.exists()
    assert not home.exists()


def test_what_a_process_still_holds_stays(clone: Clone) -> None:
    other = clone.root / "gone"
    kept = [
        clone.make(clone.temporary / "nexus-data-abcdefgh"),
        clone.home(1, other / "var", other),
    ]

    with owned_folders.holding(kept[0]), owned_folders.holding(kept[1]):
        said = clone.lines()
        assert [path for path in kept if path.exists()] == kept

    assert [line for line in said if line.startswith(f"kept {kept[1]}: PostgreSQL runs in it")]


def test_a_folder_that_does_not_say_whose_it_is_stays_and_is_named(clone: Clone) -> None:
    unknown = [clone.system / "nexus-0123456789ab", clone.temporary / "nexus-abcdefgh"]
    for folder in unknown:
        folder.mkdir()
    (clone.system / "nexus-bbbbbbbbbbbb").symlink_to(clone.folder)

    said = clone.lines()

    for folder in unknown:
        assert folder.is_dir()
        assert [
            line for line in said if line.startswith(f"kept {folder}") and "does not say which clone" in line
        ]
    assert clone.folder.is_dir()


@pytest.mark.parametrize("options", [(), ("--data",)])
def test_while_something_of_the_clone_runs_nothing_is_removed(clone: Clone, options: tuple[str, ...]) -> None:
    kept = [
        *written(clone.folder, ".coverage", "var/spool/b"),
        clone.make(clone.temporary / "nexus-data-abcdefgh"),
    ]
    command = [sys.executable, "-m", "nexus_project.stack", "servers", "--", "/bin/cat"]
    with subprocess.Popen(
        command, cwd=clone.folder, env=clone.environment(), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as process:
        assert processes.wait_until((clone.folder / "var" / "redis.pid").exists, 60)

        done = clone.clean(*options)

        process.communicate()
    assert done.returncode == 1
    assert "processes of this clone run" in done.stderr
    assert str(process.pid) in done.stderr
    assert done.stderr.count("\n") == 1
    assert [path for path in kept if path.exists()] == kept
    assert clone.clean(*options).returncode == 0


def test_make_clean_passes_its_options_on(clone: Clone) -> None:
    shutil.copy(BASE_DIR / "Makefile", clone.folder)
    (clone.folder / ".venv").symlink_to(sys.prefix)

    done = subprocess.run(
        ["make", "clean", "CLEAN_OPTIONS=--help"],  # noqa: S607 - as a person calls it
        cwd=clone.folder,
        env=clone.environment(),
        capture_output=True,
        text=True,
        check=False,
    )

    assert "--data" in done.stdout
