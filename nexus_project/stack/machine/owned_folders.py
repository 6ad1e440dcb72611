"""The folders that Nexus makes outside of a clone, for whom each is, and whether anybody still needs it.

| folder | what for | who removes it |
|---|---|---|
| `/var/lib/nexus-<hash>` | PostgreSQL where its account cannot reach the data folder | the keeper of temporary servers |
| `nexus-run-*` | sockets of the embedded servers | their keeper, or the next one of the same data folder |
| `nexus-data-*` | the data folder of temporary servers | their keeper |
| `nexus-tests-*` | whatever a run of the suite makes | tests/reaper.py |

All but the first lie in the folder for temporary files. Each has a file that says for which clone and data folder it was made, and
who uses it holds a shared lock on that file: the kernel lets go of it when the last process with it ends, however it ends.
What a killed process left is found by that: `make clean` removes it (nexus_project/stack/clean.py).
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from nexus_project.env import BASE_DIR
from nexus_project.stack.machine import account, folders

SYSTEM_FOLDER = Path("/var/lib")
SHORT_FOLDER = Path("/tmp")  # noqa: S108 - mkdtemp makes private folders in it
MARK = "made-for.json"
NOTE = "postgres.home"  # in a data folder: the path of its home, which is so found again when the folder was moved
RUN, DATA, TESTS = "run", "data", "tests"
# Those without a word for their kind were made by an older Nexus.
HOME_NAME = re.compile(r"nexus-[0-9a-f]{12}")
TEMPORARY_NAME = re.compile(r"nexus-((run|data|tests|test|images)-)?[a-z0-9_]{8}")
LONGEST_FOLDER = 60  # a socket's path has room for 100 bytes

_held: dict[Path, int] = {}


@dataclass(frozen=True, slots=True)
class Owner:
    """The clone and the data folder that a folder was made for, each with the mount point of its disk.

    `temporary` when the data folder lies among temporary files.
    """

    clone: str
    clone_disk: str
    data: str
    data_disk: str
    temporary: bool

    def clone_is_gone(self) -> bool:
        return _is_gone(self.clone, self.clone_disk)

    def data_is_gone(self) -> bool:
        return _is_gone(self.data, self.data_disk)

    def is_of(self, clone: Path) -> bool:
        return self.clone == str(clone)


def home(data_dir: Path) -> Path:
    """The folder below /var/lib that stands for a data folder's `postgres`."""
    digest = hashlib.sha256(str((data_dir / "postgres").resolve()).encode()).hexdigest()[:12]
    return SYSTEM_FOLDER / f"nexus-{digest}"


def settle_home(data_dir: Path) -> Path:
    """The same, made for it; a data folder that was moved takes the one that it had along."""
    folder, before = home(data_dir), home_before(data_dir)
    if before and not folder.exists():
        before.rename(folder)
    folders.make_private_folder(folder)
    mark(folder, data_dir)
    folders.write_private_file(data_dir / NOTE, f"{folder}\n")
    return folder


def home_before(data_dir: Path) -> Path | None:
    """The home that a data folder had at another place; None where it is still that of a data folder there."""
    try:
        noted = Path((data_dir / NOTE).read_text(encoding="utf-8").strip())
    except (OSError, ValueError):
        return None
    if noted not in homes() or noted == home(data_dir):
        return None
    owner = owner_of(noted)
    return noted if owner and owner.data_is_gone() and not is_held(noted) else None


def make_temporary(kind: str, data_dir: Path | None = None) -> Path:
    """A new folder of this kind, for a data folder or itself, held as long as this process lives.

    Others (PostgreSQL's account, when root starts it) may pass through it but not list it.
    """
    folder = Path(tempfile.mkdtemp(prefix=f"nexus-{kind}-", dir=_temporary_parent()))
    folder.chmod(0o711)
    mark(folder, data_dir or folder)
    _held[folder] = _locked(folder, fcntl.LOCK_SH)
    return folder


def mark(folder: Path, data_dir: Path) -> None:
    """Write down for whom a folder is."""
    owner = Owner(
        clone=str(BASE_DIR),
        clone_disk=_disk(BASE_DIR),
        data=str(data_dir),
        data_disk=_disk(data_dir),
        temporary=_is_among_temporary_files(data_dir),
    )
    if owner_of(folder) == owner:
        return
    # In place: a file of that name that came new would not have the locks of the old one.
    descriptor = os.open(folder / MARK, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(owner), file)


def owner_of(folder: Path) -> Owner | None:
    """What `mark` wrote; None where this account did not write it, or it cannot be read."""
    try:
        with os.fdopen(os.open(folder / MARK, os.O_RDONLY | os.O_NOFOLLOW), encoding="utf-8") as file:
            if os.fstat(file.fileno()).st_uid != os.geteuid():
                return None
            return Owner(**json.load(file))
    except (OSError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def holding(folder: Path | None) -> Iterator[tuple[int, ...]]:
    """The descriptors that a process to be started inherits, so that it holds the folder; none for None."""
    if folder is None:
        yield ()
        return
    descriptor = _locked(folder, fcntl.LOCK_SH)
    try:
        yield (descriptor,)
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a process uses a marked folder."""
    try:
        os.close(_locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB))
    except BlockingIOError:
        return True
    return False


def homes() -> list[Path]:
    """The folders below /var/lib, of every clone."""
    return [path for path in _folders(SYSTEM_FOLDER) if HOME_NAME.fullmatch(path.name)]


def temporary() -> list[Path]:
    """This account's folders among temporary files, of every clone."""
    found = [path for deployment in _temporary_places() for path in _folders(deployment)]
    return [
        path for path in found if TEMPORARY_NAME.fullmatch(path.name) and path.lstat().st_uid == os.geteuid()
    ]


def remove(folder: Path) -> None:
    """Remove a folder with all that is in it; a link is refused, and none is followed."""
    shutil.rmtree(folder)
    if folder in _held:
        os.close(_held.pop(folder))


def remove_data_folder(data_dir: Path) -> None:
    """Remove a data folder and PostgreSQL's home that stands for it elsewhere."""
    apart = home(data_dir)
    if apart.is_dir():
        remove(apart)
    remove(data_dir)


def _temporary_parent() -> Path:
    """The usual folder for temporary files, unless sockets or PostgreSQL's account would find no way into it."""
    usual, owner = Path(tempfile.gettempdir()), account.dropped()
    is_reached = owner is None or owner.reaches(usual / "any")
    return usual if is_reached and len(str(usual)) < LONGEST_FOLDER else SHORT_FOLDER


def _temporary_places() -> list[Path]:
    return sorted({Path(tempfile.gettempdir()).resolve(), SHORT_FOLDER.resolve()})


def _folders(deployment: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (path for path in sorted(deployment.iterdir()) if path.is_dir() and not path.is_symlink())


def _locked(folder: Path, kind: int) -> int:
    descriptor = os.open(folder / MARK, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        fcntl.flock(descriptor, kind)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _is_among_temporary_files(folder: Path) -> bool:
    is_among = any(folder.resolve().is_relative_to(deployment) for deployment in _temporary_places())
    return is_among and not folder.is_relative_to(BASE_DIR)


def _is_gone(path: str, disk: str) -> bool:
    """Whether it was removed; where its disk is not mounted, or this account may not look, nobody can tell."""
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return os.path.ismount(disk)
    except OSError:
        return False
    return False


def _disk(path: Path) -> str:
    """The mount point of the disk on which it lies."""
    return next(str(folder) for folder in (path, *path.parents) if os.path.ismount(folder))
