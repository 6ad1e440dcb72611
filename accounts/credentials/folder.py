"""The folder of credential files as last read."""

import logging
import os
from functools import lru_cache
from pathlib import Path
from threading import Lock

from django.conf import settings

from accounts.credentials import dead_tokens
from accounts.credentials.dead_tokens import DeadToken
from accounts.credentials.files import SUFFIX, BadCredentialFile, CredentialFile, domain_of, exposed, read

log = logging.getLogger("nexus.access")

# Device, inode, size and the time of the last change of content or rights, which nobody can set back; then that of the note of a
# dead token, which another process may write.
Stamp = tuple[int, int, int, int, int]


class CredentialFolder:
    """`files` holds every file whose name is a domain's; None where its content cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._stamps: dict[str, Stamp] = {}
        self._readable = True
        self.files: dict[Path, CredentialFile | None] = {}

    def scan(self) -> bool:
        """Read what has changed since the last look; whether anything has. A folder that fails keeps what was read."""
        try:
            stamps = self._list()
        except OSError as error:
            if self._readable:
                log.error(
                    "credentials_folder.unreadable", extra={"folder": self._path, "why": error.strerror}
                )
            self._readable = False
            return False
        self._readable = True
        gone = self._stamps.keys() - stamps.keys()
        changed = [name for name, stamp in stamps.items() if self._stamps.get(name) != stamp]
        for name in gone:
            self.files.pop(self._path / name, None)
        for name in changed:
            self._read(self._path / name)
        self._stamps = stamps
        return bool(changed or gone)

    def _list(self) -> dict[str, Stamp]:
        found = {}
        try:
            with os.scandir(self._path) as entries:
                names = [entry.name for entry in entries if entry.name.endswith(SUFFIX)]
        except FileNotFoundError:
            return {}
        for name in names:
            try:
                path = self._path / name
                stat, noted = path.stat(), dead_tokens.changed_at(path)
                found[name] = (stat.st_dev, stat.st_ino, stat.st_size, stat.st_ctime_ns, noted)
            except OSError:  # deleted between the listing and the look, or a link to nowhere
                continue
        return found

    def _read(self, path: Path) -> None:
        if domain_of(path) is None:
            log.warning("credential_file.unusable", extra={"file": path.name, "why": "its name is no domain"})
            return
        if action := exposed(path):
            log.warning("credential_file.exposed", extra={"file": path.name, "action": action})
        try:
            self.files[path] = read(path)
        except BadCredentialFile as error:
            self.files[path] = None
            log.warning("credential_file.unusable", extra={"file": path.name, "why": str(error)})


_scanning = Lock()


@lru_cache(maxsize=4)
def _folder(path: Path) -> CredentialFolder:
    return CredentialFolder(path)


def files_now() -> dict[Path, CredentialFile | None]:
    """The files of CREDENTIALS_DIR for who asks now and then; only what has changed since the last time is read."""
    with _scanning:
        folder = _folder(settings.CREDENTIALS_DIR)
        folder.scan()
        return dict(folder.files)


def needing_login() -> dict[Path, DeadToken]:
    """The files of CREDENTIALS_DIR whose refresh token is dead, by path; none where the folder is not there."""
    return {path: file.dead for path, file in sorted(files_now().items()) if file and file.dead}
