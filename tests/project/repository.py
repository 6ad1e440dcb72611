"""What the tests of the repository itself look at: its files, without what the commands make."""

import ast
import os
from collections.abc import Iterator
from pathlib import Path

from nexus_project.env import BASE_DIR

CODE = ("nexus_project", "accounts", "proxy", "dashboard")
PYTHON = (*CODE, "tests")
# Made by commands or by operators, and in .gitignore.
_NOT_OURS = {"var", "htmlcov", "staticfiles", "credentials", "secrets", "__pycache__"}
_BINARY = {".png", ".ico", ".woff2"}


def texts() -> list[Path]:
    """Every text file of the repository."""
    return sorted(_walk())


def documents() -> list[Path]:
    return [path for path in texts() if path.suffix == ".md"]


def modules(*folders: str) -> list[Path]:
    """Python files outside migrations."""
    found = (path for folder in folders for path in (BASE_DIR / folder).rglob("*.py"))
    return sorted(path for path in found if "migrations" not in path.parts)


def name(path: Path) -> str:
    return str(path.relative_to(BASE_DIR))


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _walk() -> Iterator[Path]:
    for folder, below, files in os.walk(BASE_DIR):
        below[:] = [
            name for name in below if name not in _NOT_OURS and (name == ".ci" or not name.startswith("."))
        ]
        for file in files:
            path = Path(folder) / file
            if path.suffix not in _BINARY and not file.startswith((".env", ".coverage")) and file != ".git":
                yield path
