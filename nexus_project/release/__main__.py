"""Cut a release: `python -m nexus_project.release 0.3.0`.

The number goes into `nexus_project.__version__`, the notes under it in CHANGELOG.md; both are committed and tagged (`v0.3.0`, with
the notes). The list of parts is written to var/release. Nothing is pushed.
"""

import argparse
import re
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from nexus_project import __version__
from nexus_project.env import BASE_DIR
from nexus_project.release import changelog, sbom

VERSION = re.compile(r"[0-9]+\.[0-9]+\.[0-9]+")


class ReleaseError(Exception):
    """No release; the message says what to do first."""


def main(arguments: list[str], root: Path = BASE_DIR) -> int:
    """Exit code 0 where the release is made, 1 where something has to be done first, and then nothing was changed."""
    parser = argparse.ArgumentParser(prog="make release", description=__doc__)
    parser.add_argument("version", help=f"X.Y.Z, above {__version__} or that itself where it has no tag yet")
    version = parser.parse_args(arguments).version
    try:
        release(root, version)
    except (ReleaseError, changelog.ChangelogError) as error:
        print(f"nexus: no release: {error}", file=sys.stderr)
        return 1
    print(f"v{version} is committed and tagged. Next: git push --follow-tags, then build the images with it:")
    print(f"  NEXUS_VERSION={version} docker compose build")
    return 0


def release(root: Path, version: str) -> None:
    """Everything that a release is; raises before the first change where one is not possible."""
    if not VERSION.fullmatch(version):
        raise ReleaseError(f"{version} is no version: give it as X.Y.Z")
    if _numbers(version) < _numbers(__version__):
        raise ReleaseError(f"{version} is below {__version__}, which is in nexus_project/__init__.py")
    if _git(root, "status", "--porcelain"):
        raise ReleaseError("there are changes that are not committed: commit or stash them")
    if _git(root, "tag", "--list", f"v{version}"):
        raise ReleaseError(f"the tag v{version} is there already")
    path, init = root / "CHANGELOG.md", root / "nexus_project" / "__init__.py"
    text = changelog.released(path.read_text(encoding="utf-8"), version, datetime.now(UTC).date())
    path.write_text(text, encoding="utf-8")
    init.write_text(
        re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', init.read_text(encoding="utf-8")),
        encoding="utf-8",
    )
    parts = root / "var" / "release" / f"claude-nexus-{version}.cdx.json"
    parts.parent.mkdir(parents=True, exist_ok=True)
    parts.write_text(sbom.sbom(version, root / "requirements" / "base.txt"), encoding="utf-8")
    _git(
        root,
        "commit",
        "--quiet",
        "--message",
        f"Release {version}",
        "CHANGELOG.md",
        "nexus_project/__init__.py",
    )
    _git(
        root,
        "tag",
        "--annotate",
        f"v{version}",
        "--cleanup=verbatim",
        "--message",
        changelog.notes(text, version),
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


def _git(root: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)  # noqa: S607
    if done.returncode:
        raise ReleaseError(f"git {arguments[0]} failed: {done.stderr.strip()}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
