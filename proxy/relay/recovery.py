"""Slots of the spool: take one for this process, and take over what processes left behind that did not come back."""

import logging
from itertools import count
from pathlib import Path

from proxy.relay.slot import SlotTaken
from proxy.relay.spool import Spool

log = logging.getLogger("nexus.spool")


def claim(root: Path, limit_bytes: int) -> Spool:
    """The first slot below `root` that no process holds: a dead process's leftovers come first. Raises OSError."""
    return next(spool for number in count() if (spool := claim_slot(root / str(number), limit_bytes)))


def claim_leftovers(root: Path, limit_bytes: int, unusable: set[Path]) -> list[Spool]:
    """All further slots that no process holds although something lies in them; `unusable` ones are noted and left alone."""
    spools = []
    for folder in sorted(root.glob("*/")):
        if folder in unusable or not holds_something(folder):
            continue
        try:
            spool = claim_slot(folder, limit_bytes)
        except OSError as error:
            unusable.add(folder)
            log.error(
                "spool.unusable", extra={"folder": str(folder), "why": str(error), "mend": "its rights"}
            )
            continue
        if spool:
            spools.append(spool)
    return spools


def holds_something(folder: Path) -> bool:
    """Whether records may lie in a slot."""
    try:
        return any(file.stat().st_size for file in folder.glob("*.seg"))
    except FileNotFoundError:  # its process has just shipped and deleted one
        return False


def claim_slot(folder: Path, limit_bytes: int) -> Spool | None:
    """One slot; None when another process holds it. Raises OSError."""
    try:
        return Spool(folder, limit_bytes)
    except SlotTaken:
        return None
