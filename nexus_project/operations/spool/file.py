"""The file that carries records away: JSON lines, each with one record, bodies exact in base64.

`record` is the array of `proxy.record.Record` with its version; what stands beside it is for people and for `jq`. Headers are
masked as they are in the spool; bodies are what was sent, so the file is for its owner's eyes only.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import msgspec

from proxy.record import Record


@dataclass(frozen=True, slots=True)
class Carried:
    """A record with the spool that took it in; `error` is why it became a dead letter, "" if it only waited."""

    spool: str
    record: Record
    error: str = ""


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A line that is no record."""

    why: str


def write_lines(path: Path, carried: Iterable[Carried]) -> int:
    """Write a new file, whole or not at all; how many records. Raises OSError, FileExistsError where there is one already."""
    count = 0
    draft = path.with_name(f"{path.name}.part")
    if path.exists():
        raise FileExistsError(f"{path} exists already: give a new name")
    with open(draft, "wb", opener=_private) as file:
        for count, record in enumerate(carried, 1):  # noqa: B007 - counted
            file.write(_line(record))
    draft.rename(path)
    return count


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _line(carried: Carried) -> bytes:
    head, closing = carried.record.head, carried.record.closing
    shown = {
        "spool": carried.spool,
        "serial": carried.record.serial,
        "error": carried.error,
        "id": head.id,
        "domain": head.domain,
        "method": head.method,
        "target": head.target,
        "outcome": closing.outcome,
        "status": closing.status,
        "record": msgspec.to_builtins(carried.record),
    }
    # Not msgspec's JSON, which has no word for a number that is none.
    return json.dumps(shown).encode() + b"\n"


def read_lines(path: Path) -> Iterator[tuple[int, Carried | Unreadable]]:
    """The lines with their numbers; raises OSError."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            yield number, _carried(line)


def _carried(line: bytes) -> Carried | Unreadable:
    try:
        fields = json.loads(line)
        return Carried(str(UUID(fields["spool"])), msgspec.convert(fields["record"], Record), fields["error"])
    except (ValueError, KeyError, TypeError, AttributeError) as error:  # msgspec's errors are ValueErrors
        return Unreadable(f"{type(error).__name__}: {error}")
