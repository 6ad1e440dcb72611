"""What the spools hold, from the disk of this machine, PostgreSQL and Redis together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from proxy.heartbeat import Heartbeat
from proxy.relay.spool.inspect import Inspection, inspect_spool, spool_directories
from proxy.store.ingest.replay import arrived
from proxy.store.models import DeadLetter, Spool
from proxy.store.pipeline import SpoolState, heartbeats, is_fresh, state_of

Where = Literal["running", "left behind", "unusable", "elsewhere"]


@dataclass(frozen=True, slots=True)
class SpoolLine:
    """One spool. `slot` is its folder, "" for one that is known from PostgreSQL or Redis alone; `oldest_at` epoch seconds.

    `unreadable_bytes` lie damaged among its records, `damage_bytes` in the folder `damaged`; `why` says what cannot be read now.
    """

    directory: str
    where: Where
    state: SpoolState
    used_bytes: int = 0
    oldest_at: float | None = None
    damage_bytes: int = 0
    unreadable_bytes: int = 0
    why: str = ""


@dataclass(frozen=True, slots=True)
class DeadLetterLine:
    """A record that PostgreSQL refused."""

    spool: str
    serial: int
    error: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Listing:
    """All spools and their dead letters."""

    spools: list[SpoolLine] = field(default_factory=list)
    dead_letters: list[DeadLetterLine] = field(default_factory=list)


def listing(root: Path) -> Listing:
    """Look at everything; nothing is changed and no process is disturbed."""
    # Disk and heartbeats first: what is stored afterwards can hide a gap for a second, never invent one.
    beats = heartbeats()
    inspections = [_looked(folder) for folder in spool_directories(root)]
    rows = {str(row.id): row for row in Spool.objects.all()}
    lines = [_line(seen, rows, beats) if isinstance(seen, Inspection) else seen for seen in inspections]
    here = {line.state.id for line in lines}
    away = sorted((rows.keys() | beats.keys()) - here)
    lines += [SpoolLine("", "elsewhere", state_of(key, rows.get(key), beats.get(key))) for key in away]
    dead = DeadLetter.objects.waiting().order_by("pk").defer("record")
    return Listing(
        lines, [DeadLetterLine(str(row.spool), row.serial, row.error, row.created_at) for row in dead]
    )


def _looked(folder: Path) -> Inspection | SpoolLine:
    try:
        return inspect_spool(folder)
    except OSError as error:
        why = error.strerror or str(error)
        return SpoolLine(str(folder), "unusable", state_of("", None, None), why=why)


def _line(found: Inspection, rows: Mapping[str, Spool], beats: Mapping[str, Heartbeat]) -> SpoolLine:
    key = found.left.id
    waiting = _waiting(found)
    beat = beats.get(key) if found.held else None
    state = state_of(key, rows.get(key), beat or _as_on_disk(found, len(waiting)))
    return SpoolLine(
        directory=str(found.folder),
        where="running" if found.held else "left behind",
        state=state,
        used_bytes=found.used_bytes,
        oldest_at=min((start for start in waiting.values() if start is not None), default=None),
        damage_bytes=found.damage_bytes,
        unreadable_bytes=found.unreadable_bytes,
        why=found.why,
    )


def _waiting(found: Inspection) -> dict[int, float | None]:
    """The records that lie on the disk and did not arrive, with their start, as far as that can be read."""
    heads = {serial: found.head(serial) for serial in found.frames}
    ids = {serial: head.id for serial, head in heads.items() if head}
    known = arrived(found.left.id, ids) if ids else set()
    return {
        serial: head.started_at if head else None for serial, head in heads.items() if serial not in known
    }


def _as_on_disk(found: Inspection, waiting: int) -> Heartbeat:
    """What a process would say that took the directory now."""
    left = found.left
    return Heartbeat(
        accepted=found.accepted,
        dropped=left.dropped,
        bodies_dropped=left.bodies_dropped,
        waiting=found.accepted - left.dropped if found.unread else waiting,
        used_bytes=found.used_bytes,
    )


def needs(found: Listing) -> list[str]:
    """What a person has to look at, and what to do about it."""
    words = [line for spool in found.spools for line in _needs_of(spool)]
    if found.dead_letters:
        words.append(
            f"{len(found.dead_letters)} records are dead letters: report their errors, and after an upgrade that fixes them run "
            "`manage.py spool replay --set-aside`"
        )
    return words


def _needs_of(line: SpoolLine) -> list[str]:
    name = line.directory or f"spool {line.state.id}"
    words = []
    if line.where == "unusable":
        words.append(f"{name} cannot be used ({line.why}): fix the folder's rights or the disk")
    elif line.why:
        words.append(f"{name} has files that cannot be read ({line.why}): fix their rights or the disk")
    if is_fresh(line.state):
        state = line.state
        words.append(
            f"{name} lost {state.dropped} records dropped, {state.gaps} missing and {state.bodies_dropped} bodies: "
            "see what to watch in docs/operations.md"
        )
    if line.damage_bytes or line.unreadable_bytes:
        words.append(
            f"{name} has {line.damage_bytes + line.unreadable_bytes} damaged bytes: look at the disk, run "
            "`manage.py spool replay --slots`, and delete what stays in its folder `damaged` once nobody needs it"
        )
    return words
