"""The `.env` file: made with fresh secrets on the first start, then only checked, never overwritten."""

import secrets
from pathlib import Path

from cryptography.fernet import Fernet

from nexus_project.env import ENV_LINE
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import folders

TEMPLATE = """\
# Made by the first start, for this machine only. docs/settings.md explains each name.
# What the environment gives overrides this file.
SECRET_KEY={secret_key}
FIELD_ENCRYPTION_KEYS={field_key}
DASHBOARD_API_KEY={dashboard_key}
STORAGE_ENABLED=true
"""


def ensure(path: Path) -> bool:
    """Make the file if it is missing (True), else check it (False); StackError when it cannot be used."""
    try:
        # Exclusive: of two first starts at the same moment one makes the secrets, and both use them.
        folders.create_private_file(path, _fresh())
    except FileExistsError:
        check(path)
        return False
    except OSError as error:
        raise StackError(f"{path} cannot be written ({error.strerror}): make its folder writable.") from error
    return True


def check(path: Path) -> None:
    """Raise StackError for a file that others may read or with a broken line; no value is ever shown."""
    try:
        mode = path.stat().st_mode & 0o777
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise StackError(f"{path} cannot be read as text: fix it, or delete it and start again.") from error
    if mode & 0o077:
        raise StackError(
            f"{path} holds secrets and others may read it (mode {mode:03o}): run chmod 600 {path}"
        )
    for number, line in enumerate(lines, start=1):
        if not ENV_LINE.fullmatch(line):
            raise StackError(f"{path}, line {number} is not of the form NAME=value: fix that line.")


def _fresh() -> str:
    return TEMPLATE.format(
        secret_key=secrets.token_urlsafe(48),
        field_key=Fernet.generate_key().decode(),
        dashboard_key=secrets.token_urlsafe(24),
    )
