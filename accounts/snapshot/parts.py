"""What others put into the access snapshot beside access: data of the database that counts at the door as well.

A part is read whenever the snapshot is, and kept in its file; `accounts` knows nothing of what it means.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.db.utils import ProgrammingError

log = logging.getLogger("nexus.access")


@dataclass(frozen=True, slots=True)
class Part:
    """`read` asks the database, `kind` is the type of what it gives, and `default` stands in where nothing can be read."""

    name: str
    kind: Any
    read: Callable[[], Any]
    default: Callable[[], Any]


def from_database(parts: Sequence[Part]) -> dict[str, Any]:
    """Each part by its name. One whose table is missing or closed must not keep the rest of the snapshot from being read."""
    found = {}
    for part in parts:
        try:
            found[part.name] = part.read()
        except ProgrammingError as error:
            action = "run `manage.py migrate` and `manage.py create_db_roles`"
            log.error(
                "access.part_unreadable", extra={"part": part.name, "why": str(error), "action": action}
            )
            found[part.name] = part.default()
    return found


def encoded(parts: Mapping[str, Any]) -> dict[str, bytes]:
    """As the snapshot's file keeps them, in MessagePack."""
    return {name: msgspec.msgpack.encode(value) for name, value in parts.items()}


def decoded(kept: Mapping[str, bytes], parts: Sequence[Part]) -> dict[str, Any]:
    """The parts of a file; one that it does not hold, as an older version's, or that has changed, is its default."""
    return {part.name: _decoded(kept.get(part.name), part) for part in parts}


def _decoded(data: bytes | None, part: Part) -> Any:
    if data is None:
        return part.default()
    try:
        return msgspec.msgpack.decode(data, type=part.kind)
    except msgspec.MsgspecError:
        return part.default()
