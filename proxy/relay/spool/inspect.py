"""What lies in the spool's directories, read without holding them: the process that does goes on meanwhile.

While it does, files may vanish (what was in them is stored) and the last frame of a file may be half written. What is read is
therefore true of a moment that may be past: ask afterwards which of the records are stored by now.
"""

import fcntl
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from proxy import record
from proxy.record import Head, Record
from proxy.relay.spool.assemble import assemble
from proxy.relay.spool.directory import DAMAGED_FOLDER, Left, copy_of, look_into, mark_of
from proxy.relay.spool.record import frames_of, join
from proxy.relay.spool.segments import CLOSE, OPEN, RESPONSE, Damage, Frame, StoredFile
from proxy.relay.spool.unread import incomplete

Frames = dict[int, list[tuple[StoredFile, Frame]]]


@dataclass(slots=True)
class Inspection:
    """One directory. `unreadable_bytes` are damaged and not copied so far; `frames` those of each serial, oldest first.

    `unread` are files that cannot be read now, and `why` the reason of the first.
    """

    folder: Path
    left: Left
    held: bool
    accepted: int
    used_bytes: int = 0
    unreadable_bytes: int = 0
    damage_bytes: int = 0
    frames: Frames = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)
    why: str = ""

    @property
    def incomplete(self) -> set[int]:
        """The serials that a file which cannot be read may hold a part of."""
        return incomplete(self.frames, self.unread)

    def ended(self, serial: int) -> bool:
        """Whether a record is complete; what never ended in a directory that nobody holds was killed."""
        return not self.held or any(frame.kind == CLOSE for _, frame in self.frames[serial])

    def size(self, serial: int) -> int:
        return sum(frame.length for _, frame in self.frames[serial])

    def head(self, serial: int) -> Head | None:
        """How it began; None where that is gone, cannot be read now or cannot be decoded."""
        try:
            found = join(
                serial, [frame for frame in self.frames[serial] if frame[1].kind == OPEN], _pass_over
            )
            return record.decode_head(found.head) if found else None
        except (msgspec.DecodeError, OSError):
            return None

    def record(self, serial: int) -> Record | None:
        """All that is sound of it, and is to be kept; None where that is no record. Raises OSError where it cannot be read now."""
        outline = self._record([frame for frame in self.frames[serial] if frame[1].kind != RESPONSE])
        if outline is None or outline.closing.response_not_kept:
            return outline
        return self._record(self.frames[serial])

    def _record(self, frames: Sequence[tuple[StoredFile, Frame]]) -> Record | None:
        found = join(frames[0][1].serial, frames, _pass_over, _still_there) if frames else None
        try:
            return assemble(found) if found else None
        except msgspec.DecodeError:
            return None


def spool_directories(root: Path) -> list[Path]:
    """The directories below the spool's folder, by number."""
    return sorted(root.glob("*/"), key=lambda folder: (len(folder.name), folder.name))


def inspect_spool(folder: Path) -> Inspection:
    """Look through one directory; raises OSError where it cannot be used."""
    held = is_held(folder)
    left = look_into(folder)
    found = Inspection(folder, left, held, left.accepted)
    copies = {path.name: path.stat().st_size for path in (folder / DAMAGED_FOLDER).glob("*.bin")}
    found.damage_bytes = sum(copies.values())
    for path in left.found:
        try:
            _read(found, StoredFile(path, mark_of(found.left.id)), set(copies))
        except FileNotFoundError:  # its process has just deleted it: all of it is stored
            continue
        except OSError as error:
            found.unread.append(path)
            found.why = found.why or f"{path.name}: {error.strerror or error}"
    return found


def _read(found: Inspection, file: StoredFile, copies: set[str]) -> None:
    def damaged(file: StoredFile, damage: Damage) -> None:
        being_written = found.held and damage.offset + damage.length == file.size
        if not being_written and copy_of(file, damage) not in copies:
            found.unreadable_bytes += damage.length

    for serial, frames in frames_of(file, damaged).items():
        found.accepted = max(found.accepted, serial)
        if frames:
            found.frames.setdefault(serial, []).extend((file, frame) for frame in frames)
    found.used_bytes += file.size


def is_held(folder: Path) -> bool:
    """Whether a running process has the directory.

    Asked with a shared lock, let go at once: a process that starts at this very moment takes another directory and comes back.
    """
    try:
        with (folder / "lock").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def _still_there(file: StoredFile, frame: Frame) -> bytes | None:
    """None for what its process has deleted meanwhile: it is stored."""
    try:
        return file.read(frame)
    except FileNotFoundError:
        return None


def _pass_over(file: StoredFile, frame: Frame) -> None:
    """Damage is for whoever holds the directory to copy and count."""
