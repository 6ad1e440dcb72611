"""One exchange of the spool: where its frames lie, and what they say together."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import msgspec

from proxy.relay.spool.segments import (
    CLOSE,
    OPEN,
    REQUEST,
    RESPONSE,
    SETTLED,
    Damage,
    Frame,
    Segment,
    StoredFile,
)

# A frame's payload; None if the disk no longer holds what was written. Raises OSError where it cannot be read now.
Read = Callable[[StoredFile, Frame], bytes | None]


class Entry(msgspec.Struct, eq=False, gc=False):
    """An exchange in the spool: its frames, and whether it still takes bytes. Nothing that it holds knows it."""

    serial: int
    frames: list[tuple[Segment, Frame]] = []
    size: int = 0
    response_size: int = 0
    closed: bool = False
    taken: bool = False
    body_dropped: bool = False
    writing: bool = False  # a thread is adding the request's body
    closing: bytes = b""  # kept here because the disk refused it


@dataclass(frozen=True, slots=True)
class Spooled:
    """Head and closing are encoded structs of proxy.record, closing b"" if its end is missing."""

    serial: int
    head: bytes
    closing: bytes
    request_body: bytes
    response_body: bytes


def frames_of(file: StoredFile, damaged: Callable[[StoredFile, Damage], object]) -> dict[int, list[Frame]]:
    """A file's frames by serial, none for one that was settled; damage is reported.

    Raises OSError, with nothing reported, where the file cannot be read now.
    """
    frames: dict[int, list[Frame]] = {}
    for found in list(file.scan()):
        if isinstance(found, Damage):
            damaged(file, found)
        elif found.kind == SETTLED:
            frames[found.serial] = []
        else:
            frames.setdefault(found.serial, []).append(found)
    return frames


def join(
    serial: int,
    frames: Iterable[tuple[StoredFile, Frame]],
    damaged: Callable[[StoredFile, Frame], object],
    read: Read = StoredFile.read,
) -> Spooled | None:
    """The exchange without what is damaged of it, which is reported; None if its head is. Raises OSError as `read` does."""
    parts: dict[int, list[bytes]] = {OPEN: [], REQUEST: [], RESPONSE: [], CLOSE: []}
    for file, frame in frames:
        payload = read(file, frame)
        if payload is None:
            damaged(file, frame)
        else:
            parts[frame.kind].append(payload)
    if not parts[OPEN]:
        return None
    request, response = b"".join(parts[REQUEST]), b"".join(parts[RESPONSE])
    return Spooled(serial, parts[OPEN][0], b"".join(parts[CLOSE]), request, response)
