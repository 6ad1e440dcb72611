"""A listing of the spools as a person reads it, and as a program does."""

from collections.abc import Iterator
from datetime import UTC, datetime

from nexus_project.operations.spool.list import Listing, SpoolLine, needs


def words(found: Listing) -> Iterator[str]:
    """Lines of text."""
    for line in found.spools:
        yield from _spool(line)
    if not found.spools:
        yield "There is no spool yet: no proxy ran with this NEXUS_DATA_DIR, and none is known."
    for row in found.dead_letters:
        yield f"dead letter  record {row.serial} of spool {row.spool} since {_moment(row.created_at)}: {row.error}"
    for need in needs(found):
        yield f"LOOK: {need}"


def _spool(line: SpoolLine) -> Iterator[str]:
    state = line.state
    yield f"{line.directory or 'elsewhere'}  {line.where}  spool {state.id or '(none yet)'}"
    if line.where == "unusable":
        return
    yield (
        f"    accepted {state.accepted}  stored {state.stored}  waiting {state.waiting}  dropped {state.dropped}"
        f"  missing {state.gaps}  bodies dropped {state.bodies_dropped}"
        + (f"  (last loss {_moment(state.lost_at)})" if state.lost and state.lost_at else "")
    )
    if line.directory:
        oldest = (
            f"  oldest waiting {_moment(datetime.fromtimestamp(line.oldest_at, UTC))}"
            if line.oldest_at
            else ""
        )
        damage = line.damage_bytes + line.unreadable_bytes
        yield f"    on disk {line.used_bytes} bytes  damaged {damage} bytes{oldest}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def data(found: Listing) -> dict[str, object]:
    """The same for `--json`; times are epoch seconds."""
    return {
        "spools": [_data(line) for line in found.spools],
        "setAside": [
            {
                "spool": row.spool,
                "serial": row.serial,
                "error": row.error,
                "createdAt": row.created_at.timestamp(),
            }
            for row in found.dead_letters
        ],
        "needs": needs(found),
    }


def _data(line: SpoolLine) -> dict[str, object]:
    state = line.state
    return {
        "id": state.id,
        "slot": line.directory,
        "where": line.where,
        "why": line.why,
        "accepted": state.accepted,
        "stored": state.stored,
        "waiting": state.waiting,
        "dropped": state.dropped,
        "gaps": state.gaps,
        "bodiesDropped": state.bodies_dropped,
        "lostAt": state.lost_at.timestamp() if state.lost and state.lost_at else None,
        "usedBytes": line.used_bytes,
        "oldestWaitingAt": line.oldest_at,
        "setAsideBytes": line.damage_bytes,
        "unreadableBytes": line.unreadable_bytes,
    }
