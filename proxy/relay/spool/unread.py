"""What a directory holds at its start, and which exchanges wait because a file that may hold a part of them cannot be read now."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from proxy.relay.spool.directory import SpoolDirectory
from proxy.relay.spool.record import frames_of
from proxy.relay.spool.segments import CLOSE, OPEN, REQUEST, Frame, Segment, StoredFile

log = logging.getLogger("nexus.spool")

Placed = Sequence[tuple[StoredFile, Frame]]


@dataclass(frozen=True, slots=True)
class Found:
    """The frames of each serial in each file that could be read, oldest first, and the files that could not."""

    files: dict[Segment, dict[int, list[Frame]]] = field(default_factory=dict)
    unread: list[Path] = field(default_factory=list)


def look_through(directory: SpoolDirectory) -> Found:
    """Read every file; damage is copied to the folder `damaged`, and one line tells of files that cannot be read."""
    found, why = Found(), ""
    for path in directory.found:
        try:
            segment = directory.segment(path)
            found.files[segment] = frames_of(segment, directory.keep_damage)
        except (
            FileNotFoundError
        ):  # of a process that has the directory too, where the file system knows no locks
            continue
        except OSError as error:
            why = why or f"{path.name}: {error.strerror or error}"
            found.unread.append(path)
    if found.unread:
        report = {"folder": str(directory.folder), "files": len(found.unread), "why": why}
        log.error("spool.files_unreadable", extra={**report, "action": "fix their rights or the disk"})
    return found


def number_of(path: Path) -> int:
    """A segment's place in the order in which its spool made them."""
    return int(path.name[:10])


def incomplete(exchanges: Mapping[int, Placed], unread: Sequence[Path]) -> set[int]:
    """The serials that a file of `unread` may hold a part of.

    An exchange lies in the files from its beginning's to its end's. Where no body of its request is found there, a large
    one may lie in a file of its own, which was made before the next one that holds anything but bodies.
    """
    if not unread:
        return set()
    numbers = [number_of(path) for path in unread]
    others = sorted(
        {
            number_of(file.path)
            for exchange in exchanges.values()
            for file, frame in exchange
            if frame.kind != REQUEST
        }
    )
    return {serial for serial, frames in exchanges.items() if _lacks(frames, numbers, others)}


def _lacks(frames: Placed, unread: Sequence[int], others: Sequence[int]) -> bool:
    first = min((number_of(file.path) for file, frame in frames if frame.kind == OPEN), default=0)
    last = max((number_of(file.path) for file, frame in frames if frame.kind == CLOSE), default=None)
    if last is not None and all(frame.kind != REQUEST for _, frame in frames):
        following = next((other for other in others if other > last), None)
        last = None if following is None else following - 1
    return any(first <= serial and (last is None or serial <= last) for serial in unread)
