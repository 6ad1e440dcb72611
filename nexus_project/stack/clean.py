"""`clean`: remove what this clone left on the machine, and what clones left that are gone.

Data are no leftovers: the database, Redis and spool of this clone go by `--data` only, `.env` and `credentials` never.
What belongs to another clone that is there is left alone, used or not.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from nexus_project import env
from nexus_project.env import BASE_DIR
from nexus_project.stack import environment
from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import owned_folders
from nexus_project.stack.machine.owned_folders import Owner

CACHES = (
    *(".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"),
    *("htmlcov", ".coverage"),
)
COMPILED = ("bench", "uv")
NO_CODE = {".venv", "var", ".git"}
VAR = "var"
DEMO = environment.DEMO_DATA_DIR

Say = Callable[[str], None]


def clean(say: Say, *, data: bool) -> int:
    """Remove and tell what; StackError, and nothing is changed, while something of this clone runs."""
    _require_idle()
    for path in _caches():
        _remove(path)
    say("removed caches and what is compiled")
    for folder in owned_folders.temporary():
        _judge_temporary(folder, say)
    if data:
        _remove_data(say)
    moved = {owned_folders.home_before(data_dir) for data_dir in _data_folders()}
    for folder in (home for home in owned_folders.homes() if home not in moved):
        _judge_home(folder, say, data=data)
    _report_what_stays(say, data=data)
    return 0


def running() -> list[psutil.Process]:
    """The processes of this clone: its services and servers, but for this one and those above it."""
    me = psutil.Process()
    above = {me.pid, *(parent.pid for parent in me.parents())}
    return [
        process
        for process in psutil.process_iter(["cmdline", "cwd"])
        if process.pid not in above and _is_ours(process)
    ]


def _is_ours(process: psutil.Process) -> bool:
    cwd, words = process.info["cwd"], process.info["cmdline"] or []
    if not cwd:  # another account's, or it has just ended
        return False
    is_service = cwd == str(BASE_DIR) and any("nexus_project" in word for word in words)
    return is_service or Path(cwd).is_relative_to(BASE_DIR / VAR)


def _require_idle() -> None:
    found = running()
    if found:
        named = ", ".join(str(process.pid) for process in found[:8])
        raise StackError(
            f"{len(found)} processes of this clone run ({named}{', …' if len(found) > 8 else ''}): "
            "stop `make run`, `make test` or whatever it is, then clean again. Nothing was removed."
        )


def _caches() -> Iterator[Path]:
    yield from (BASE_DIR / name for name in CACHES)
    if not (BASE_DIR / VAR).is_symlink():
        yield from (BASE_DIR / VAR / name for name in COMPILED)
    yield from BASE_DIR.glob(".coverage.*")
    for folder, names, _ in os.walk(BASE_DIR):
        here = Path(folder)
        if "__pycache__" in names:
            yield here / "__pycache__"
        names[:] = [
            name for name in names if name != "__pycache__" and not (here == BASE_DIR and name in NO_CODE)
        ]


def _judge_temporary(folder: Path, say: Say) -> None:
    owner = owned_folders.owner_of(folder)
    if owner is None:
        say(f"kept {folder}: it does not say which clone made it; remove it if none does that you know")
    elif (owner.is_of(BASE_DIR) or owner.clone_is_gone()) and not owned_folders.is_held(folder):
        _report_and_remove(folder, owner, say)


def _judge_home(folder: Path, say: Say, *, data: bool) -> None:
    owner = owned_folders.owner_of(folder)
    if owner is None:
        say(
            f"kept {folder} ({_size(folder)}): it does not say which clone it belongs to; remove it if none does that you know"
        )
    elif owned_folders.is_held(folder):
        say(f"kept {folder}: PostgreSQL runs in it, for {owner.data}")
    elif owner.clone_is_gone() or (_is_of_a_folder_that_is_gone(owner) and (data or owner.temporary)):
        _report_and_remove(folder, owner, say)
    elif owner.is_of(BASE_DIR):
        say(f"kept {folder} ({_size(folder)}): the database of {owner.data}")


def _is_of_a_folder_that_is_gone(owner: Owner) -> bool:
    return owner.is_of(BASE_DIR) and owner.data_is_gone()


def _report_and_remove(folder: Path, owner: Owner, say: Say) -> None:
    size = _size(folder)
    owned_folders.remove(folder)
    why = "this clone left it" if owner.is_of(BASE_DIR) else f"{owner.clone} is gone"
    say(f"removed {folder} ({size}, for {owner.data}): {why}")


def _data_folders() -> list[Path]:
    return [BASE_DIR / VAR, BASE_DIR / DEMO, env.folder("NEXUS_DATA_DIR", VAR)]


def _remove_data(say: Say) -> None:
    folder = BASE_DIR / VAR
    if folder.is_symlink():
        say(f"kept {folder}: it is a link to {folder.readlink()}")
    elif folder.is_dir():
        size = _size(folder)
        owned_folders.remove(folder)
        say(f"removed {folder} ({size}): the data of this clone")


def _report_what_stays(say: Say, *, data: bool) -> None:
    """Data folders that are still there: `var` but for --data, and one that the settings name elsewhere always."""
    usual, named = BASE_DIR / VAR, env.folder("NEXUS_DATA_DIR", VAR)
    if usual.is_dir() and not data:
        say(
            f"kept {usual} ({_size(usual)}): the data of this clone; make clean CLEAN_OPTIONS=--data removes them"
        )
    if named.is_dir() and not named.is_relative_to(usual):
        say(f"kept {named} ({_size(named)}): NEXUS_DATA_DIR, which is yours to remove")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    elif path.is_file() or path.is_symlink():
        path.unlink()


def _size(folder: Path) -> str:
    taken = 0
    for above, _, files in os.walk(folder):
        for name in files:
            try:
                taken += (Path(above) / name).lstat().st_blocks * 512
            except FileNotFoundError:
                continue
    return f"{taken / 2**20:.0f} MB"
