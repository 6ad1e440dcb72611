"""Records among the bytes that were kept as damaged: those that can be read by now, as by a newer Nexus."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec

from proxy.record import Record
from proxy.relay.spool.assemble import assemble
from proxy.relay.spool.directory import DAMAGED_FOLDER, mark_of
from proxy.relay.spool.record import join
from proxy.relay.spool.segments import HEADER_BYTES, Frame, StoredFile

_NAME = re.compile(r"(\d{10}-\d{20}-([0-9a-f-]{36}))-(\d+)\.bin")


@dataclass(frozen=True, slots=True)
class Salvaged:
    """A record that its spool counted as dropped; `files` held its frames and nothing else."""

    spool: str
    record: Record
    files: list[Path]


def salvaged(folder: Path) -> Iterator[Salvaged]:
    """What can be read of the damaged bytes of one directory."""
    frames: dict[tuple[str, int], list[tuple[StoredFile, Frame]]] = {}
    for spool, file in _files(folder):
        for found in file.scan():
            if isinstance(found, Frame):
                frames.setdefault((spool, found.serial), []).append((file, found))
    for (spool, _), parts in frames.items():
        if record := _record(parts):
            yield Salvaged(spool, record, [file.path for file, frame in parts if _fills(frame, file)])


def _files(folder: Path) -> list[tuple[str, StoredFile]]:
    """In the order in which they were written, with the spool that wrote them."""
    paths = (folder / DAMAGED_FOLDER).glob("*.bin")
    names = [(match, path) for path in paths if (match := _NAME.fullmatch(path.name))]
    names.sort(key=lambda found: (found[0][1], int(found[0][3])))
    return [(match[2], StoredFile(path, mark_of(match[2]))) for match, path in names]


def _record(parts: list[tuple[StoredFile, Frame]]) -> Record | None:
    [(_, first), *_] = parts
    found = join(first.serial, parts, lambda file, frame: None)
    try:
        return assemble(found) if found else None
    except msgspec.DecodeError:
        return None


def _fills(frame: Frame, file: StoredFile) -> bool:
    return (frame.offset, frame.length) == (HEADER_BYTES, file.size - HEADER_BYTES)
