"""What a spool took in and lost, so that `accepted = stored + waiting + dropped` can be checked.

Kept beside the segments too, whose damage must not change it. The spool's lock guards all of it.
"""

import logging

from proxy.relay.spool.directory import SpoolDirectory
from proxy.relay.spool.record import Entry

log = logging.getLogger("nexus.spool")


class Accounting:
    """Counts over the spool's whole life. Serials count from 1 without gaps: `accepted` is the last one given."""

    def __init__(self, directory: SpoolDirectory) -> None:
        self.accepted = directory.accepted
        self.dropped = directory.dropped
        self.bodies_dropped = directory.bodies_dropped
        self._directory = directory
        self._saved = (-1, -1, -1)

    def drop_body(self, entry: Entry, why: str) -> None:
        """A body of it is not kept whole; counted once an exchange."""
        if not entry.body_dropped:
            entry.body_dropped = True
            self.bodies_dropped += 1
            log.error("spool.body_dropped", extra={"serial": entry.serial, "why": why})
            self.save()

    def drop(self, entry: Entry, why: str) -> None:
        """The exchange is not kept."""
        log.error("spool.dropped", extra={"serial": entry.serial, "why": why})
        self.dropped += 1
        entry.closed = True
        self.save()

    def save(self) -> None:
        """Write the counts where they changed; the disk's refusal is tried again with the next change."""
        counts = (self.accepted, self.dropped, self.bodies_dropped)
        if counts != self._saved and self._directory.save_counts(*counts):
            self._saved = counts
