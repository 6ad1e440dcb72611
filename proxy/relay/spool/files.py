"""The segments of one spool: where the next frames go, and which files can be deleted.

The spool's lock guards all of it but `write_alone`.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from proxy.relay.log_limit import OncePerMinute
from proxy.relay.spool.directory import SpoolDirectory
from proxy.relay.spool.record import Entry
from proxy.relay.spool.segments import REQUEST, RESPONSE, SETTLED, Frame, Segment

log = logging.getLogger("nexus.spool")

SEGMENT_BYTES = 16 * 1024**2


@dataclass(slots=True)
class Leaving:
    """An exchange that is forgotten, and the files that it is still in, the one with its beginning first.

    `settled` says whether the word must be left in those that stay; `counted` that the last file knows one holder less.
    """

    serial: int
    segments: list[Segment]
    settled: bool
    counted: bool = False


class Files:
    """Nothing here raises but `begin`. `used` is what all files take, in bytes."""

    def __init__(self, directory: SpoolDirectory, limit_bytes: int) -> None:
        self.used = 0
        self._directory = directory
        self._segment_bytes = min(SEGMENT_BYTES, limit_bytes // 8)
        self._active: Segment
        self._leaving: list[Leaving] = []
        self._owed: dict[int, tuple[Entry, Sequence[tuple[int, bytes]]]] = {}
        self._not_rotated = OncePerMinute()
        self._not_deleted = OncePerMinute()

    def begin(self, accepted: int) -> None:
        """Make the first file that takes frames; raises OSError."""
        self._active = self._directory.new_segment(accepted)

    def write(self, entry: Entry, parts: Sequence[tuple[int, bytes]], accepted: int) -> bool:
        """Add frames to the exchange; False where the disk refuses them."""
        try:
            self._append(entry, parts, accepted)
        except OSError as error:
            log.error("spool.refused", extra={"serial": entry.serial, "why": error.strerror or str(error)})
            return False
        return True

    def owe(self, entry: Entry, parts: Sequence[tuple[int, bytes]]) -> None:
        """Keep in memory what the disk refused; `write_owed` writes it."""
        self._owed[entry.serial] = entry, parts

    def write_owed(self, accepted: int) -> None:
        """Write what the disk refused before, as far as it takes it by now: a kill would lose it."""
        while self._owed:
            serial = next(iter(self._owed))
            try:
                self._append(*self._owed[serial], accepted)
            except OSError:
                return
            del self._owed[serial]

    def _append(self, entry: Entry, parts: Sequence[tuple[int, bytes]], accepted: int) -> None:
        # What follows a record's beginning is of no use without it, wherever it is written.
        if self._active.size > self._segment_bytes or (not entry.frames and self._active.gone):
            self._rotate(accepted)
        segment = self._active
        before = segment.size
        frames = segment.append(entry.serial, parts)
        self.used += segment.size - before
        for frame in frames:
            self.attach(entry, segment, frame)

    def write_alone(self, serial: int, body: bytes, accepted: int) -> tuple[Segment | None, Frame | None]:
        """Put a request's body into a file of its own; without a frame the disk refused it, and the file is to be deleted."""
        segment: Segment | None = None
        try:
            segment = self._directory.new_segment(accepted)
            [frame] = segment.append(serial, [(REQUEST, body)])
        except OSError as error:
            log.error("spool.refused", extra={"serial": serial, "why": error.strerror or str(error)})
            return segment, None
        segment.seal()
        return segment, frame

    def attach(self, entry: Entry, segment: Segment, frame: Frame) -> None:
        """Note that a frame of the exchange lies in a file."""
        if not entry.frames or entry.frames[-1][0] is not segment:
            segment.holders += all(held is not segment for held, _ in entry.frames)
        entry.frames.append((segment, frame))
        entry.size += frame.length
        if frame.kind == RESPONSE:
            entry.response_size += frame.length

    def release(self, entry: Entry, *, confirmed: bool) -> None:
        """Delete what nobody else needs of an exchange.

        A restart must not take what stays of it for a damaged record. One in a single file is found whole again, shipped again
        and known to ingest by its id; so only one in several files, or a dropped one, is said to be settled. Its beginning goes
        last: whatever a kill leaves has one.
        """
        self._owed.pop(entry.serial, None)
        segments = list(dict.fromkeys(segment for segment, _ in entry.frames))
        self._let_go(Leaving(entry.serial, segments, settled=not confirmed or len(segments) > 1))

    def delete(self, segment: Segment) -> None:
        """Delete a file that nobody needs."""
        self._let_go(Leaving(0, [segment], settled=False, counted=True))

    def try_again(self) -> None:
        """Delete what could not be deleted before."""
        leaving, self._leaving = self._leaving, []
        for segment in leaving:
            self._let_go(segment)

    def close(self, accepted: int) -> None:
        """Let go of all descriptors."""
        if self._active.size and not self._active.holders:
            self._rotate(accepted)  # so that nothing confirmed is found again
        self.try_again()
        self._active.seal()

    def _rotate(self, accepted: int) -> None:
        """Go on in a new file; where there can be none, in the old one."""
        try:
            fresh = self._directory.new_segment(accepted)
        except OSError as error:
            if times := self._not_rotated.count():
                why = error.strerror or str(error)
                log.error("spool.not_rotated", extra={"times": times, "why": why})
            return
        old, self._active = self._active, fresh
        old.seal()
        if not old.holders:
            self.delete(old)

    def _let_go(self, leaving: Leaving) -> None:
        """From the last file to the first; where the disk refuses one, those before it stay for the next try."""
        while leaving.segments:
            segment = leaving.segments[-1]
            segment.holders -= not leaving.counted
            leaving.counted = True
            try:
                self._leave(segment, leaving)
            except OSError as error:
                self._leaving.append(leaving)
                if times := self._not_deleted.count():
                    why = error.strerror or str(error)
                    report = {"file": segment.path.name, "times": times, "why": why}
                    log.error("spool.not_deleted", extra=report)
                return
            leaving.segments.pop()
            leaving.counted = False

    def _leave(self, segment: Segment, leaving: Leaving) -> None:
        if segment.deleted:
            return
        if not segment.holders and segment is not self._active:
            segment.delete()
            self.used -= segment.size
        elif leaving.settled:
            self._settle(segment, leaving.serial)

    def _settle(self, segment: Segment, serial: int) -> None:
        before = segment.size
        try:
            segment.append(serial, [(SETTLED, b"")])
        except FileNotFoundError:
            if self._directory.elsewhere:
                raise
        finally:
            if segment is not self._active:
                segment.seal()
        self.used += segment.size - before
