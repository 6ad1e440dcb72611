"""`<NEXUS_DATA_DIR>/access.snapshot`: what the database last said of access, encrypted, for a start while it is down."""

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from django.conf import settings

from accounts.access.decision import DomainAccess, Snapshot
from accounts.access.limits import Rules
from accounts.fields import UnreadableSecret, decrypt_bytes, encrypt_bytes
from accounts.secrets import atomic_file
from accounts.snapshot import parts as snapshot_parts
from accounts.snapshot.parts import Part

log = logging.getLogger("nexus.access")

NAME = "access.snapshot"


@dataclass(frozen=True, slots=True)
class Kept:
    """The file's content: MessagePack within a Fernet token. `saved_at` in epoch seconds."""

    saved_at: float
    domains: Mapping[str, DomainAccess]
    limits: Rules = field(default_factory=Rules)
    parts: Mapping[str, bytes] = field(default_factory=dict)


def save(stored: Snapshot) -> None:
    """Keep the database's part of a snapshot; a disk that fails costs only a later start without the database."""
    kept = Kept(time.time(), stored.domains, stored.limits, snapshot_parts.encoded(stored.parts))
    content = encrypt_bytes(msgspec.msgpack.encode(kept))
    try:
        settings.NEXUS_DATA_DIR.mkdir(parents=True, exist_ok=True)
        atomic_file.write(_path(), content)
    except OSError as error:
        action = (
            "make NEXUS_DATA_DIR writable: without this file a start while PostgreSQL is down serves nobody"
        )
        log.warning("access.snapshot_not_kept", extra={"why": error.strerror, "action": action})


def load(parts: Sequence[Part] = ()) -> Snapshot | None:
    """What was kept; None where there is none or it cannot be used, which the log tells."""
    try:
        kept = _read(decrypt_bytes(_path().read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, UnreadableSecret, msgspec.MsgspecError) as error:
        why = (
            error.strerror
            if isinstance(error, OSError)
            else "it is damaged or of another FIELD_ENCRYPTION_KEYS"
        )
        log.error(
            "access.snapshot_unusable", extra={"file": _path(), "why": why, "action": "bring PostgreSQL back"}
        )
        return None
    saved_at = datetime.fromtimestamp(kept.saved_at, UTC).isoformat(timespec="seconds")
    log.warning("access.snapshot_serves", extra={"saved_at": saved_at, "until": "PostgreSQL answers"})
    return Snapshot(kept.domains, limits=kept.limits, parts=snapshot_parts.decoded(kept.parts, parts))


def _read(content: bytes) -> Kept:
    """0.1.0 called the credentials of a domain `payers`."""
    kept = msgspec.msgpack.decode(content, type=dict[str, Any])
    domains = msgspec.convert(kept.get("domains"), dict[str, dict[str, Any]])
    for access in domains.values():
        if "payers" in access:
            access["credentials"] = access.pop("payers")
    return msgspec.convert({**kept, "domains": domains}, Kept)


def _path() -> Path:
    path: Path = settings.NEXUS_DATA_DIR / NAME
    return path
