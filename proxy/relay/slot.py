"""A slot: the folder of one spool, held by one process through a file lock.

A segment's name is <number>-<accepted>-<spool id>.seg, where `accepted` is the last serial before the file was made. So the spool's
identity and its count outlive every kill, and no file exists that a kill could leave empty. `counts` is overwritten in place, which
works on a full disk too.
"""

import fcntl
import logging
import os
import re
from pathlib import Path
from uuid import UUID, uuid4

from proxy.relay.segments import MARK_BYTES, Damage, Segment

log = logging.getLogger("nexus.spool")

MAX_SET_ASIDE_BYTES = 64 * 1024**2
_NAME = re.compile(r"(\d{10})-(\d{20})-([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.seg")
_COUNTS = re.compile(r"(\S{36}) (\d{20}) (\d{20})\n")


class SlotTaken(Exception):
    """Another process holds this slot."""


class Slot:
    """Raises SlotTaken when another process has the folder, OSError when it cannot be used."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._hold = (folder / "lock").open("a")
        try:
            fcntl.flock(self._hold, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._hold.close()
            raise SlotTaken(str(folder)) from error
        try:
            self._look()
        except OSError:
            self.release()
            raise

    def _look(self) -> None:
        folder = self.folder
        names = [match for path in sorted(folder.iterdir()) if (match := _NAME.fullmatch(path.name))]
        self.found = [folder / match[0] for match in names]
        self.id = names[-1][3] if names else str(uuid4())
        self.accepted, self.dropped = self._read_counts()
        self.accepted = max([self.accepted, *(int(match[2]) for match in names)])
        self._number = int(names[-1][1]) if names else 0
        self._mark = UUID(self.id).bytes[-MARK_BYTES:]

    def new_segment(self, accepted: int) -> Segment:
        """The next file; raises OSError."""
        self._number += 1
        return self.segment(self.folder / f"{self._number:010d}-{accepted:020d}-{self.id}.seg")

    def segment(self, path: Path) -> Segment:
        """A file that lies here."""
        return Segment(path, self._mark)

    def save_counts(self, accepted: int, dropped: int) -> None:
        """Keep what cannot be found in any segment: the exchanges that were dropped."""
        content = f"{self.id} {accepted:020d} {dropped:020d}\n".encode()
        try:
            fd = os.open(self.folder / "counts", os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                if os.pwrite(fd, content, 0) != len(content):
                    raise OSError("the disk took only a part of it")
            finally:
                os.close(fd)
        except OSError as error:  # the count lives on in memory and with the next batch
            log.warning("spool.counts_not_saved", extra={"dropped": dropped, "why": str(error)})

    def _read_counts(self) -> tuple[int, int]:
        try:
            content = (self.folder / "counts").read_text("ascii", "replace")
        except FileNotFoundError:
            return 0, 0
        match = _COUNTS.fullmatch(content)
        if not match or match[1] != self.id:
            log.error("spool.counts_unreadable", extra={"folder": str(self.folder)})
            return 0, 0
        return int(match[2]), int(match[3])

    def set_aside(self, segment: Segment, damage: Damage) -> None:
        """Keep damaged bytes in the folder `damaged` for a person to look at; the rest goes on."""
        target = self.folder / "damaged"
        kept = target / f"{segment.path.stem}-{damage.offset}.bin"
        report = {"segment": segment.path.name, "offset": damage.offset, "bytes": damage.length}
        try:
            target.mkdir(mode=0o700, exist_ok=True)
            used = sum(path.stat().st_size for path in target.iterdir() if path != kept)
            if used + damage.length > MAX_SET_ASIDE_BYTES:
                raise OSError(f"{target} is full: look at what it holds and delete it")
            kept.write_bytes(segment.raw(damage))
        except OSError as error:
            log.error("spool.damaged", extra={**report, "kept": "", "why": str(error)})
        else:
            log.error("spool.damaged", extra={**report, "kept": str(kept)})

    def release(self) -> None:
        """Let another process have it."""
        self._hold.close()
