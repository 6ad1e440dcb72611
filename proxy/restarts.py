"""What a supervisor notes of a service that ends again and again: a file each in NEXUS_DATA_DIR, which the pages read.

The supervisor writes them (nexus_project.stack), the dashboard reads them; where another program starts the services there
are none.
"""

import os
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import msgspec

FOLDER = "restarts"


class Restarts(msgspec.Struct, frozen=True):
    """`ends` of a service in a row, when the last one was, and how many seconds later it is started again."""

    service: str
    ends: int
    at: datetime
    pause_seconds: float


def note(data_dir: Path, restarts: Restarts) -> None:
    """Write it in place of what was noted of the service before; a disk that refuses is no reason to fail."""
    folder = data_dir / FOLDER
    fresh = folder / f"{restarts.service}.{os.getpid()}"
    with suppress(OSError):
        folder.mkdir(mode=0o700, exist_ok=True)
        fresh.write_bytes(msgspec.json.encode(restarts))
        fresh.replace(folder / f"{restarts.service}.json")


def forget(data_dir: Path, service: str) -> None:
    """The service runs steadily, or nobody starts it any more."""
    with suppress(OSError):
        (data_dir / FOLDER / f"{service}.json").unlink(missing_ok=True)


def read(data_dir: Path) -> list[Restarts]:
    """All that is noted, by the services' names; what cannot be read is left out."""
    found = []
    for path in sorted((data_dir / FOLDER).glob("*.json")):
        with suppress(OSError, msgspec.MsgspecError):
            found.append(msgspec.json.decode(path.read_bytes(), type=Restarts))
    return found
