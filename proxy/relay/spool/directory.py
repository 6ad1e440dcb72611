"""A directory: the folder of one spool, held by one process through a file lock.

A segment's name is <number>-<accepted>-<spool id>.seg, where `accepted` is the last serial before the file was made. So the spool's
identity and its count outlive every kill, and no file exists that a kill could leave empty. `counts` is overwritten in place, which
works on a full disk too.
"""

import fcntl
import logging
import os
import re
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from uuid import UUID, uuid4

from proxy.relay.log_limit import OncePerMinute
from proxy.relay.spool import descriptors
from proxy.relay.spool.segments import HEADER_BYTES, MARK_BYTES, Damage, Frame, Segment, StoredFile

log = logging.getLogger("nexus.spool")

DAMAGED_FOLDER = "damaged"
MAX_DAMAGE_BYTES = 64 * 1024**2
_NAME = re.compile(r"(\d{10})-(\d{20})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.seg")
_COUNTS = re.compile(r"(\S{36}) (\d{20}) (\d{20})(?: (\d{20}))?\n")  # the last was added later
_COUNTS_BYTES = 200  # more than it matches


@dataclass(frozen=True, slots=True)
class Left:
    """What the names and the counts in a directory's folder say; `id` is "" where nothing names a spool."""

    id: str
    number: int
    accepted: int
    dropped: int
    bodies_dropped: int
    found: list[Path]
    counts_unreadable: bool


def look_into(folder: Path) -> Left:
    """Read without holding the directory; raises OSError."""
    names = [match for path in sorted(folder.iterdir()) if (match := _NAME.fullmatch(path.name))]
    spool = names[-1][3] if names else ""
    counts = _read_counts(folder / "counts", spool)
    accepted, dropped, bodies_dropped = counts or (0, 0, 0)
    return Left(
        id=spool,
        number=int(names[-1][1]) if names else 0,
        accepted=max([accepted, *(int(name[2]) for name in names)]),
        dropped=dropped,
        bodies_dropped=bodies_dropped,
        found=[folder / name[0] for name in names],
        counts_unreadable=counts is None,
    )


def _read_counts(path: Path, spool: str) -> tuple[int, int, int] | None:
    """What was accepted, dropped, and dropped of bodies; None if that cannot be read."""
    try:
        content = descriptors.read_file(path, _COUNTS_BYTES).decode("ascii", "replace")
    except FileNotFoundError:
        return 0, 0, 0
    match = _COUNTS.fullmatch(content)
    if not match or match[1] != spool:
        return None
    return int(match[2]), int(match[3]), int(match[4] or 0)


def mark_of(spool: str) -> bytes:
    """What begins each frame of a spool."""
    return UUID(spool).bytes[-MARK_BYTES:]


def copy_of(file: StoredFile, damage: Damage) -> str:
    """The name under which damaged bytes are kept."""
    return f"{file.path.stem}-{damage.offset}.bin"


class DirectoryTaken(Exception):
    """Another process holds this directory."""


class SpoolDirectory:
    """Raises DirectoryTaken when another process has the folder, OSError when it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._not_saved = OncePerMinute()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hold = descriptors.open_file(folder / "lock", os.O_RDWR | os.O_CREAT)
        try:
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._look()
        except BlockingIOError as error:
            self.release()
            raise DirectoryTaken(str(folder)) from error
        except OSError:
            self.release()
            raise

    @property
    def elsewhere(self) -> bool:
        """Whether another folder, or none, lies where this one was, though nobody deleted it: it was moved, or its disk is away.

        Raises OSError where that cannot be told.
        """
        held = os.fstat(self._hold)
        try:
            return not os.path.samestat((self.folder / "lock").stat(), held)
        except FileNotFoundError:
            return held.st_nlink > 0

    def _look(self) -> None:
        left = look_into(self.folder)
        if left.counts_unreadable:
            log.error("spool.counts_unreadable", extra={"folder": str(self.folder)})
        self.found = left.found
        self.id = left.id or str(uuid4())
        self.accepted, self.dropped, self.bodies_dropped = left.accepted, left.dropped, left.bodies_dropped
        self._numbers = count(left.number + 1)
        self._mark = mark_of(self.id)

    def new_segment(self, accepted: int) -> Segment:
        """The next file, by any thread; raises OSError."""
        while True:
            path = self.folder / f"{next(self._numbers):010d}-{accepted:020d}-{self.id}.seg"
            try:
                return Segment(path, self._mark, new=True)
            except (
                FileExistsError
            ):  # of a process that has the directory too, where the file system knows no locks
                continue

    def segment(self, path: Path) -> Segment:
        """A file that lies here; raises OSError."""
        return Segment(path, self._mark)

    def save_counts(self, accepted: int, dropped: int, bodies_dropped: int = 0) -> bool:
        """Overwrite the file `counts`; False where the disk refuses, and they live on in memory and with the next batch."""
        content = f"{self.id} {accepted:020d} {dropped:020d} {bodies_dropped:020d}\n".encode()
        try:
            fd = descriptors.open_file(self.folder / "counts", os.O_WRONLY | os.O_CREAT)
            try:
                if os.pwrite(fd, content, 0) != len(content):
                    raise OSError("the disk took only a part of it")
            finally:
                descriptors.close(fd)
        except OSError as error:
            if times := self._not_saved.count():
                report = {"dropped": dropped, "times": times, "why": str(error)}
                log.warning("spool.counts_not_saved", extra=report)
            return False
        return True

    def keep_damage(self, segment: StoredFile, damage: Damage) -> None:
        """Keep damaged bytes in the folder `damaged` for a person to look at; the rest goes on."""
        target = self.folder / DAMAGED_FOLDER
        kept = target / copy_of(segment, damage)
        report = {"segment": segment.path.name, "offset": damage.offset, "bytes": damage.length}
        try:
            target.mkdir(mode=0o700, exist_ok=True)
            used = sum(path.stat().st_size for path in target.iterdir() if path != kept)
            if used + damage.length > MAX_DAMAGE_BYTES:
                raise OSError(f"{target} is full: look at what it holds and delete it")
            descriptors.write_file(kept, segment.raw(damage))
        except OSError as error:
            log.error("spool.damaged", extra={**report, "kept": "", "why": str(error)})
        else:
            log.error("spool.damaged", extra={**report, "kept": str(kept)})

    def keep_damaged_frame(self, file: StoredFile, frame: Frame) -> None:
        """The same with a frame that no longer holds what was written, or that belongs to no record."""
        self.keep_damage(file, Damage(frame.offset - HEADER_BYTES, frame.length + HEADER_BYTES))

    def release(self) -> None:
        """Let another process have it."""
        descriptors.close(self._hold)
