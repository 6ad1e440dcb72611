"""CHANGELOG.md in the form of keepachangelog.com: what is new becomes a version, and a version's notes are read back."""

import re
from datetime import date

UNRELEASED = "## [Unreleased]"
_VERSION = re.compile(r"^## \[([0-9]+\.[0-9]+\.[0-9]+)\]", re.MULTILINE)


class ChangelogError(ValueError):
    """The file cannot become a release; the message says what to do."""


def released(text: str, version: str, day: date) -> str:
    """The text with its unreleased part as this version, and an empty one above; raises ChangelogError."""
    head, found, rest = text.partition(UNRELEASED)
    if not found:
        raise ChangelogError(f"CHANGELOG.md has no line {UNRELEASED}: add it above the latest version")
    if version in _VERSION.findall(text):
        raise ChangelogError(f"CHANGELOG.md has a version {version} already: choose the next one")
    if not _body(rest):
        raise ChangelogError(f"CHANGELOG.md has nothing under {UNRELEASED}: say what changes for users first")
    return f"{head}{UNRELEASED}\n\n## [{version}] - {day.isoformat()}{rest}"


def notes(text: str, version: str) -> str:
    """What a version's part says; raises ChangelogError."""
    for match in _VERSION.finditer(text):
        if match[1] == version:
            return _body(text[match.end() :].partition("\n")[2])
    raise ChangelogError(f"CHANGELOG.md has no version {version}")


def _body(rest: str) -> str:
    return re.split(r"^## \[", rest, maxsplit=1, flags=re.MULTILINE)[0].strip()
