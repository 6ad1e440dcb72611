"""One exchange as it lies on disk, put together from its frames."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from proxy.relay.segments import CLOSE, OPEN, REQUEST, RESPONSE, Frame, StoredFile


@dataclass(frozen=True, slots=True)
class Spooled:
    """Head and closing are encoded structs of proxy.record, closing b"" if its end is missing."""

    serial: int
    head: bytes
    closing: bytes
    request_body: bytes
    response_body: bytes


def join(
    serial: int,
    frames: Iterable[tuple[StoredFile, Frame]],
    damaged: Callable[[StoredFile, Frame], object],
) -> Spooled | None:
    """The exchange without what is damaged of it, which is told; None if its head is."""
    parts: dict[int, list[bytes]] = {OPEN: [], REQUEST: [], RESPONSE: [], CLOSE: []}
    for file, frame in frames:
        payload = file.read(frame)
        if payload is None:
            damaged(file, frame)
        else:
            parts[frame.kind].append(payload)
    if not parts[OPEN]:
        return None
    request, response = b"".join(parts[REQUEST]), b"".join(parts[RESPONSE])
    return Spooled(serial, parts[OPEN][0], b"".join(parts[CLOSE]), request, response)
