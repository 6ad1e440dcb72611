"""The account PostgreSQL runs under when the stack is started by root, which PostgreSQL refuses to be."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nexus_project.stack.errors import StackError

NAME = "nexus-postgres"


@dataclass(frozen=True, slots=True)
class Account:
    """A user of this machine and its own group, by number."""

    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether every folder above the path lets this account pass, by mode bits alone."""
        return all(self._passes(folder) for folder in _above(path))

    def owns(self, path: Path) -> None:
        """Give the path to this account; only for what the stack has made itself."""
        os.chown(path, self.uid, self.gid)

    def _passes(self, folder: Path) -> bool:
        found = folder.stat()
        if found.st_uid == self.uid:
            return bool(found.st_mode & 0o100)
        if found.st_gid == self.gid:
            return bool(found.st_mode & 0o010)
        return bool(found.st_mode & 0o001)


def _above(path: Path) -> Iterator[Path]:
    yield from (folder for folder in path.resolve().parents if folder.exists())


def dropped() -> Account | None:
    """The account to drop to (made when missing) for root; None for anybody else."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _make()
        entry = pwd.getpwnam(NAME)
    return Account(entry.pw_uid, entry.pw_gid)


def started_as(account: Account | None) -> dict[str, Any]:
    """What `subprocess` takes to start a program as this account (None: as who asks), with nobody's environment and input."""
    options: dict[str, Any] = {
        "env": {"LC_ALL": "C", "TZ": "UTC", "PATH": "/usr/bin:/bin"},
        "stdin": subprocess.DEVNULL,
    }
    if account:
        options |= {"user": account.uid, "group": account.gid, "extra_groups": []}
    return options


def _make() -> None:
    command = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    advice = "start as another user, or set DATABASE_URL to a PostgreSQL of your own."
    if not command:
        raise StackError(f"PostgreSQL does not run as root and there is no useradd to make {NAME}: {advice}")
    options = ["--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent"]
    made = subprocess.run(
        [command, *options, "--shell", "/usr/sbin/nologin", NAME], capture_output=True, check=False
    )
    # 9: the name exists by now, made by a start beside this one.
    if made.returncode not in {0, 9}:
        reason = made.stderr.decode(errors="replace").strip()
        raise StackError(f"PostgreSQL does not run as root and useradd {NAME} failed ({reason}): {advice}")
