"""Making the folders of the stack, for their owner only."""

import os
from pathlib import Path

from nexus_project.stack.errors import StackError


def make_data_folder(path: Path) -> Path:
    """NEXUS_DATA_DIR, made if missing: others (PostgreSQL's account) may pass through it but not list it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists():
            path.mkdir(mode=0o711)
            path.chmod(0o711)
        probe = path / f".writable-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        problem = f"NEXUS_DATA_DIR={path} cannot be written ({error.strerror})"
        raise StackError(f"{problem}: make it writable or name another folder.") from error
    return path.resolve()


def make_private_folder(path: Path) -> Path:
    """A folder that only its owner enters; one that exists keeps its mode."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path


def create_private_file(path: Path, text: str) -> None:
    """Make a file of mode 600; FileExistsError, and nothing changed, when there is one by that name."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)


def write_private_file(path: Path, text: str) -> None:
    """Write a file of mode 600, whole or not at all, in place of what was there."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    create_private_file(fresh, text)
    fresh.replace(path)
