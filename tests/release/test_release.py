"""A release is a number, notes, a list of parts and a tag; where one is not possible nothing is changed."""

import json
import subprocess
from pathlib import Path

import pytest

from nexus_project import __version__
from nexus_project.env import BASE_DIR
from nexus_project.release import __main__ as command
from nexus_project.release import changelog, sbom

NEXT = "99.1.2"
TEXT = """# Changelog

## [Unreleased]

### Added

- Something for you.

## [0.1.0] - 2026-11-27

- The beginning.
"""


def git(root: Path, *arguments: str) -> str:
    return subprocess.run(
        ["git", "-C", str(root), *arguments],  # noqa: S607
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with what a release touches."""
    (tmp_path / "nexus_project").mkdir()
    (tmp_path / "nexus_project" / "__init__.py").write_text(
        f'"""Nexus."""\n\n__version__ = "{__version__}"\n'
    )
    (tmp_path / "CHANGELOG.md").write_text(TEXT)
    (tmp_path / "requirements").mkdir()
    (tmp_path / "requirements" / "base.txt").write_text("one==1.0 \\\n    --hash=sha256:" + "a" * 64 + "\n")
    (tmp_path / ".gitignore").write_text("/var/\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "config", "user.email", "release@example.com")
    git(tmp_path, "config", "user.name", "Release")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--message", "Begin")
    return tmp_path


def test_a_release_is_a_number_notes_parts_and_a_tag(root: Path) -> None:
    assert command.main([NEXT], root) == 0

    assert f'__version__ = "{NEXT}"' in (root / "nexus_project" / "__init__.py").read_text()
    text = (root / "CHANGELOG.md").read_text()
    assert changelog.notes(text, NEXT) == "### Added\n\n- Something for you."
    assert changelog.UNRELEASED in text
    assert git(root, "log", "-1", "--format=%s") == f"Release {NEXT}"
    assert (
        git(root, "tag", "--list", "--format=%(contents)", f"v{NEXT}") == "### Added\n\n- Something for you."
    )
    assert git(root, "status", "--porcelain") == ""
    parts = json.loads((root / "var" / "release" / f"claude-nexus-{NEXT}.cdx.json").read_text())
    assert parts["metadata"]["component"]["version"] == NEXT
    assert [part["purl"] for part in parts["components"]] == ["pkg:pypi/one@1.0"]


@pytest.mark.parametrize(
    ("version", "change", "words"),
    [
        ("1.2", None, "give it as X.Y.Z"),
        ("0.0.1", None, "is below"),
        (NEXT, ("nexus_project/__init__.py", "edited"), "not committed"),
    ],
)
def test_where_no_release_is_possible_nothing_is_changed(
    root: Path, capsys: pytest.CaptureFixture[str], version: str, change: tuple[str, str] | None, words: str
) -> None:
    if change:
        (root / change[0]).write_text(change[1])
    before = git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")

    assert command.main([version], root) == 1

    assert words in capsys.readouterr().err
    assert (git(root, "status", "--porcelain"), git(root, "rev-parse", "HEAD")) == before
    assert git(root, "tag") == ""


def test_a_version_is_released_once(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([NEXT], root) == 0
    assert command.main([NEXT], root) == 1

    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (TEXT.replace("- Something for you.", "").replace("### Added", ""), "say what changes"),
        (TEXT.replace("## [Unreleased]\n", ""), "has no line"),
    ],
)
def test_a_changelog_that_says_nothing_is_no_release(
    root: Path, capsys: pytest.CaptureFixture[str], text: str, words: str
) -> None:
    (root / "CHANGELOG.md").write_text(text)
    git(root, "commit", "--quiet", "--all", "--message", "Edit")

    assert command.main([NEXT], root) == 1

    assert words in capsys.readouterr().err
    assert git(root, "tag") == ""


def test_the_list_of_parts_holds_every_pinned_package_with_its_digests() -> None:
    requirements = BASE_DIR / "requirements" / "base.txt"
    pinned = [line for line in requirements.read_text().splitlines() if "==" in line]

    found = json.loads(sbom.sbom("1.0.0", requirements))["components"]

    assert len(found) == len(pinned) > 50
    assert all(part["hashes"] for part in found)


def test_the_version_of_the_code_has_its_part_of_the_changelog() -> None:
    text = (BASE_DIR / "CHANGELOG.md").read_text(encoding="utf-8")

    assert changelog.notes(text, __version__)
