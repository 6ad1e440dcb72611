"""Slots of the spool: take one for this process, and take over what processes left behind that did not come back."""

from itertools import count
from pathlib import Path

from proxy import record
from proxy.record import Closing
from proxy.relay.spool import Spool, SpoolTaken


def claim(root: Path, limit_bytes: int) -> Spool:
    """The first slot below `root` that no process holds: a dead process's leftovers come first. Raises OSError."""
    return next(spool for number in count() if (spool := _claim(root / str(number), limit_bytes)))


def claim_leftovers(root: Path, limit_bytes: int) -> list[Spool]:
    """All further slots that no process holds although something lies in them."""
    folders = [
        path for path in sorted(root.iterdir()) if any(file.stat().st_size for file in path.glob("*.seg"))
    ]
    return [spool for folder in folders if (spool := _claim(folder, limit_bytes))]


def _claim(folder: Path, limit_bytes: int) -> Spool | None:
    try:
        spool = Spool(folder, limit_bytes)
    except SpoolTaken:
        return None
    _end_unfinished(spool)
    return spool


def _end_unfinished(spool: Spool) -> None:
    """What a killed process left open ends as `aborted`, with the bytes that had been written of it."""
    for serial in spool.unfinished:
        closing = Closing(
            outcome=record.ABORTED,
            status=0,
            headers=[],
            first_byte_ms=None,
            duration_ms=0,
            chunks=[],
            error_message="The proxy process ended while this exchange was running.",
        )
        spool.close(spool.entry(serial), b"", record.encode(closing))
